// Package ipvsadm prints what the kernel has in the form of ipvsadm 1.31, byte for byte, so that scripts that read one can read the other. The
// form was learned from what ipvsadm prints.
//
// It differs where ipvsadm loses something: counters of a real server are not cut to 32 bits, and names that are longer than their column
// are shown in full. A firewall mark from 2^31 on is a negative number here as there.
package ipvsadm
