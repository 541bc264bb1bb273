"""The rules of a roll-out: who may be out of service, what comes next on a target and after a stage, how it ended."""
