"""The host runner: what SSM runs on a host, as one zipapp. CPython 3.7 or newer and the standard library."""
