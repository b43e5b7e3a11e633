// Package pool decides which servers of one virtual server are in the table, and with what weight: what becomes of a server whose
// checks fail, whether enough are well (the quorum), and when the sorry server stands in.
//
// It is pure: it has no clock, does no I/O and knows no addresses. Its caller tells it the state of all servers in their order, and
// gets the answer in the same order.
package pool
