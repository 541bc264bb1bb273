"""How many of a thing there may be: CodeDeploy's quotas, and our own.

Source: CodeDeploy User Guide, "CodeDeploy quotas"; the API model's exceptions.
"""

MAX_ALARMS = 10  # of a group or deployment: AlarmsLimitExceededException
MAX_TRIGGERS = 10  # of a group: TriggerTargetsLimitExceededException
MAX_LOAD_BALANCERS = 10  # target groups of a group, and as many Classic Load Balancers
MAX_SCALING_GROUPS = 10  # of a group: CodeDeploy's
MAX_TAG_GROUPS = 3  # of a tag set: TagSetListLimitExceededException
MAX_FILTERS = 10  # of a tag group
MAX_SHARED = 50  # groups that a guarded group shares its hosts with
MAX_BUDGETS = 50  # of an engine
MAX_BUDGETS_OF_GROUP = 10
MAX_TARGETS = 10_000  # of a deployment
MAX_STAGES = 20  # of a deployment configuration
MAX_METRICS = 10  # of a stage's analysis
MAX_METRICS_OF_CONFIG = 50
MAX_COMMIT_BYTES = 500 * 1024**2  # of the files of a commit that the engine packs itself
MAX_BUNDLE_BYTES = 4 * 1024**3  # what Prepare's temporary disk holds (infra/engine.py)
LONGEST_DEPLOYMENT_SECONDS = 12 * 3600  # in place; so no bake and no wait for a busy host is longer
