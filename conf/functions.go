package conf

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/netip"
	"regexp"

	"github.com/apparentlymart/go-cidr/cidr"
	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
	"github.com/zclconf/go-cty/cty/gocty"
)

// functions are what expressions may call, under Terraform's names. All are pure: none reads a file, a clock or the environment.
func functions() map[string]function.Function {
	f := map[string]function.Function{
		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc, "coalesce": stdlib.CoalesceFunc,
		"cidrhost": cidrHost, "cidrnetmask": cidrNetmask, "cidrsubnet": cidrSubnet, "cidrsubnets": cidrSubnets,
	}
	maps.Copy(f, textFunctions())
	maps.Copy(f, numberFunctions())
	maps.Copy(f, collectionFunctions())
	return f
}

func textFunctions() map[string]function.Function {
	return map[string]function.Function{
		"chomp": stdlib.ChompFunc, "format": bounded(stdlib.FormatFunc), "formatlist": bounded(stdlib.FormatListFunc),
		"indent": stdlib.IndentFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc,
		"title": stdlib.TitleFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc, "replace": stdlib.ReplaceFunc,
		"split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"csvdecode": stdlib.CSVDecodeFunc, "jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc,
		"tostring": stdlib.MakeToFunc(cty.String),
	}
}

func numberFunctions() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc, "max": stdlib.MaxFunc,
		"min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc,
		"tonumber": stdlib.MakeToFunc(cty.Number), "tobool": stdlib.MakeToFunc(cty.Bool),
	}
}

func collectionFunctions() map[string]function.Function {
	return map[string]function.Function{
		"chunklist": stdlib.ChunklistFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc,
		"flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc, "length": length, "lookup": stdlib.LookupFunc,
		"merge": stdlib.MergeFunc, "range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc,
		"setproduct": stdlib.SetProductFunc, "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":  stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset":  stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
	}
}

// length counts what Terraform's does: elements, attributes, or characters.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		switch t := args[0].Type(); {
		case t == cty.String:
			return stdlib.Strlen(args[0])
		case t.IsObjectType():
			return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
		}
		return stdlib.Length(args[0])
	},
})

var wideVerb = regexp.MustCompile(`%[^a-zA-Z]*[0-9]{4}`)

// bounded refuses formats that pad to a thousand characters and more: the result would not fit into memory.
func bounded(f function.Function) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type:     f.ReturnTypeForValues,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if wideVerb.MatchString(args[0].AsString()) {
				return cty.NilVal, errors.New("a width or precision is over 999")
			}
			return f.Call(args)
		},
	})
}

// prefixParam and numberParam are parameters of the address functions.
func prefixParam() function.Parameter { return function.Parameter{Name: "prefix", Type: cty.String} }

func numberParam(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.Number}
}

// cidrHost is the address number N in a prefix; negative N count from its end.
var cidrHost = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam(), numberParam("hostnum")},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := network(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		var number *big.Int
		if err := gocty.FromCtyValue(args[1], &number); err != nil {
			return cty.NilVal, err
		}
		ip, err := cidr.HostBig(network, number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(ip.String()), nil
	},
})

// cidrNetmask is the mask of an IPv4 prefix in dotted form.
var cidrNetmask = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam()},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := network(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if network.IP.To4() == nil {
			return cty.NilVal, errors.New("only IPv4 has netmasks")
		}
		return cty.StringVal(net.IP(network.Mask).String()), nil
	},
})

// cidrSubnet is subnet number N of those that are newbits longer than the prefix.
var cidrSubnet = function.New(&function.Spec{
	Params: []function.Parameter{prefixParam(), numberParam("newbits"), numberParam("netnum")},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		network, err := network(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		bits, err := newBits(args[1])
		if err != nil {
			return cty.NilVal, err
		}
		var number *big.Int
		if err := gocty.FromCtyValue(args[2], &number); err != nil {
			return cty.NilVal, err
		}
		subnet, err := cidr.SubnetBig(network, bits, number)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(subnet.String()), nil
	},
})

// cidrSubnets is one subnet after the other, each longer than the prefix by its newbits.
var cidrSubnets = function.New(&function.Spec{
	Params:   []function.Parameter{prefixParam()},
	VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:     function.StaticReturnType(cty.List(cty.String)),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		base, err := network(args[0])
		if err != nil || len(args) == 1 {
			return cty.ListValEmpty(cty.String), err
		}
		return subnets(base, args[1:])
	},
})

func subnets(base *net.IPNet, sizes []cty.Value) (cty.Value, error) {
	length, _ := base.Mask.Size()
	var out []cty.Value
	var last *net.IPNet
	for i, size := range sizes {
		bits, err := newBits(size)
		if err != nil {
			return cty.NilVal, err
		}
		next, fits := following(base, last, length+bits)
		if !fits {
			return cty.NilVal, fmt.Errorf("%s has no room for subnet %d, a /%d", base, i+1, length+bits)
		}
		last = next
		out = append(out, cty.StringVal(next.String()))
	}
	return cty.ListVal(out), nil
}

// following is the subnet of the wanted length after last, or the first one in base.
func following(base, last *net.IPNet, length int) (*net.IPNet, bool) {
	if _, bits := base.Mask.Size(); length > bits {
		return nil, false
	}
	if last == nil {
		return &net.IPNet{IP: base.IP, Mask: net.CIDRMask(length, len(base.IP)*8)}, true
	}
	next, wrapped := cidr.NextSubnet(last, length)
	return next, !wrapped && base.Contains(next.IP)
}

// network parses a prefix, whose host bits may be set.
func network(v cty.Value) (*net.IPNet, error) {
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil {
		return nil, fmt.Errorf("%s is not a prefix such as 192.0.2.0/24", quote(v.AsString()))
	}
	m := p.Masked()
	return &net.IPNet{IP: m.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}, nil
}

// newBits is how many bits a subnet is longer. 30 bits are more subnets than anyone could name.
func newBits(v cty.Value) (int, error) {
	var n int
	if err := gocty.FromCtyValue(v, &n); err != nil {
		return 0, err
	}
	if n < 0 || n > 30 {
		return 0, fmt.Errorf("newbits is %d, want 0 to 30", n)
	}
	return n, nil
}
