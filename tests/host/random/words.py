"""What random AppSpecs and revisions are made of."""

import os

from hypothesis import HealthCheck, settings

IS_ROOT = os.geteuid() == 0  # who is not cannot read what has no mode to be read by
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
