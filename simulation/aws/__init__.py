"""AWS's services, as far as the engine uses them, with AWS's limits: put behind `functions.aws.clients`."""
