"""The lifecycle events of a deployment, in the order in which they run on one target.

Source: CodeDeploy User Guide, "AppSpec 'hooks' section for an EC2/On-Premises deployment".
"""

from enum import Enum

STEP_SECONDS = 2 * 3600  # what SSM gives the step of one event; its hooks' own timeouts, an hour in all, end it first


START = "Start"  # the step of a command before those of its events: it starts the process that runs them


class LifecycleEvent(str, Enum):
    """One event. BlockTraffic, DownloadBundle, Install and AllowTraffic take no hooks."""

    BEFORE_BLOCK_TRAFFIC = "BeforeBlockTraffic"
    BLOCK_TRAFFIC = "BlockTraffic"
    AFTER_BLOCK_TRAFFIC = "AfterBlockTraffic"
    APPLICATION_STOP = "ApplicationStop"
    DOWNLOAD_BUNDLE = "DownloadBundle"
    BEFORE_INSTALL = "BeforeInstall"
    INSTALL = "Install"
    AFTER_INSTALL = "AfterInstall"
    APPLICATION_START = "ApplicationStart"
    VALIDATE_SERVICE = "ValidateService"
    BEFORE_ALLOW_TRAFFIC = "BeforeAllowTraffic"
    ALLOW_TRAFFIC = "AllowTraffic"
    AFTER_ALLOW_TRAFFIC = "AfterAllowTraffic"


IN_PLACE = (  # without a load balancer
    LifecycleEvent.APPLICATION_STOP,
    LifecycleEvent.DOWNLOAD_BUNDLE,
    LifecycleEvent.BEFORE_INSTALL,
    LifecycleEvent.INSTALL,
    LifecycleEvent.AFTER_INSTALL,
    LifecycleEvent.APPLICATION_START,
    LifecycleEvent.VALIDATE_SERVICE,
)
RESTART = (  # of the revision that is there, without a load balancer
    LifecycleEvent.APPLICATION_STOP,
    LifecycleEvent.APPLICATION_START,
    LifecycleEvent.VALIDATE_SERVICE,
)
WITHOUT_HOOKS = frozenset(
    {
        LifecycleEvent.BLOCK_TRAFFIC,
        LifecycleEvent.DOWNLOAD_BUNDLE,
        LifecycleEvent.INSTALL,
        LifecycleEvent.ALLOW_TRAFFIC,
    }
)
FROM_LAST_INSTALL = frozenset(  # whose scripts are of the revision that the host has
    {LifecycleEvent.BEFORE_BLOCK_TRAFFIC, LifecycleEvent.AFTER_BLOCK_TRAFFIC, LifecycleEvent.APPLICATION_STOP}
)
