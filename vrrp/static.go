package vrrp

// Static is what the host has for as long as the router process runs, whatever the roles of the virtual routers.
type Static struct {
	Addresses []StaticAddress
	Routes    []StaticRoute
	Rules     []StaticRule
}

// A StaticAddress is an address that is always there. Its Interface is not empty.
type StaticAddress struct {
	Address
	Track []string // names of the virtual routers that are in fault while it cannot be held
}

// A StaticRoute is a route that is always there.
type StaticRoute struct {
	HeldRoute
	Track []string // as in StaticAddress
}

// A StaticRule is a rule that is always there.
type StaticRule struct {
	Rule
	Track []string // as in StaticAddress
}
