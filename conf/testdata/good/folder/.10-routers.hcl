not HCL {
