"""AWS on this machine: the edges that the emulator lacks, and hosts that really run things."""
