"""The virtual world: the project's real state machines, handlers and store on a virtual clock; only AWS's services and
the hosts are simulated."""
