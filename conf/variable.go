package conf

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// rawVariable is a variable block.
type rawVariable struct {
	Name        string         `hcl:"name,label"`
	NameRange   hcl.Range      `hcl:"name,label_range"`
	Place       hcl.Range      `hcl:",def_range"`
	Default     *hcl.Attribute `hcl:"default,optional"`
	Type        *hcl.Attribute `hcl:"type,optional"`
	Description *hcl.Attribute `hcl:"description,optional"`
}

// evalContext is what expressions may use: var.NAME and the functions. A variable with a mistake is unknown, and what is computed
// from it stays unknown without another complaint.
func (d *decoder) evalContext(body hcl.Body, given map[string]string) *hcl.EvalContext {
	functions := functions()
	d.ctx = &hcl.EvalContext{Functions: functions} // a default may call functions, not name variables
	values := map[string]cty.Value{}
	places := map[string]hcl.Range{}
	for _, raw := range d.rawVariables(body) {
		if first, again := places[raw.Name]; again {
			d.problem(raw.NameRange, fmt.Sprintf("variable %q is declared twice", raw.Name), "the first is at "+place(first)+": remove one")
			continue
		}
		places[raw.Name] = raw.NameRange
		text, ok := given[raw.Name]
		values[raw.Name] = d.variable(raw, text, ok)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, declared := values[name]; !declared {
			d.problem(hcl.Range{}, fmt.Sprintf("variable %q was given a value but is not declared", name),
				suggest(name, maps.Keys(values))+fmt.Sprintf("declare it with: variable %q {}", name))
		}
	}
	return &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{"var": cty.ObjectVal(values)}}
}

// rawVariables decodes the variable blocks only; what is wrong with them is reported when everything is decoded.
func (d *decoder) rawVariables(body hcl.Body) []rawVariable {
	var raw struct {
		Variables []rawVariable `hcl:"variable,block"`
		Rest      hcl.Body      `hcl:",remain"`
	}
	_ = gohcl.DecodeBody(body, d.ctx, &raw)
	return raw.Variables
}

// variable is the value of one variable; text was given from outside when ok.
func (d *decoder) variable(raw rawVariable, text string, ok bool) cty.Value {
	if !hclsyntax.ValidIdentifier(raw.Name) {
		d.problem(raw.NameRange, fmt.Sprintf("%s is not a name that var.NAME could use", quote(raw.Name)), "use letters, digits and _")
		return cty.DynamicVal
	}
	want, defaults := d.constraint(raw)
	value := cty.NullVal(cty.DynamicPseudoType)
	if raw.Default != nil {
		var diags hcl.Diagnostics
		if value, diags = raw.Default.Expr.Value(d.ctx); diags.HasErrors() {
			d.diags = append(d.diags, diags...)
			return cty.DynamicVal
		}
	}
	switch {
	case ok && raw.Type == nil:
		want = value.Type()
		fallthrough
	case ok:
		return d.givenVariable(raw, text, want, defaults)
	case raw.Default == nil:
		d.missing(raw.Place, fmt.Sprintf("variable %q", raw.Name), "default",
			fmt.Sprintf("…, or pass --var %s=…, or set GOVRRPD_VAR_%s", raw.Name, raw.Name))
		return cty.DynamicVal
	}
	return d.convertVariable(raw, raw.Default.Expr.Range(), value, want, defaults)
}

// constraint is the type that the variable says it has, or any.
func (d *decoder) constraint(raw rawVariable) (cty.Type, *typeexpr.Defaults) {
	if raw.Type == nil {
		return cty.DynamicPseudoType, nil
	}
	want, defaults, diags := typeexpr.TypeConstraintWithDefaults(raw.Type.Expr)
	for _, diag := range diags {
		d.problem(raw.Type.Expr.Range(), "this is not a type: "+diag.Detail, "write type = string, number, bool, list(string) or map(string)")
	}
	return want, defaults
}

// givenVariable converts text from the command line or the environment. A list, map or object is written as HCL.
func (d *decoder) givenVariable(raw rawVariable, text string, want cty.Type, defaults *typeexpr.Defaults) cty.Value {
	value := cty.StringVal(text)
	if !want.IsPrimitiveType() && want != cty.DynamicPseudoType {
		var ok bool
		if value, ok = d.parseValue(text); !ok {
			d.problem(raw.NameRange, fmt.Sprintf("the value given for variable %q is not an HCL expression", raw.Name),
				`write a list as ["a", "b"] and a map as { a = 1 }`)
			return cty.DynamicVal
		}
	}
	return d.convertVariable(raw, raw.NameRange, value, want, defaults)
}

func (d *decoder) parseValue(text string) (cty.Value, bool) {
	if tooDeep([]byte(text), "", hcl.InitialPos) != nil {
		return cty.DynamicVal, false
	}
	expr, diags := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, false
	}
	value, diags := expr.Value(d.ctx)
	return value, !diags.HasErrors()
}

func (d *decoder) convertVariable(raw rawVariable, at hcl.Range, v cty.Value, want cty.Type, defaults *typeexpr.Defaults) cty.Value {
	if defaults != nil && !v.IsNull() {
		v = defaults.Apply(v)
	}
	out, err := convert.Convert(v, want)
	if err != nil {
		d.problem(at, fmt.Sprintf("the value of variable %q does not fit its type: %s", raw.Name, convert.MismatchMessage(v.Type(), want)),
			"its type is "+typeexpr.TypeString(want)+": write a value that is one, or change the type")
		return cty.DynamicVal
	}
	return out
}
