"""Stand-ins of AWS's services for what is above their adapters, each by the name of its service.

tests/contract holds each to the same answers as moto's service, or the local cloud's.
"""
