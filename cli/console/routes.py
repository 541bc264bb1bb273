"""The pages that there are, and what their forms do. One more is one more module, and one more line here."""

from cli.console.pages import (
    budgets,
    deploying,
    deployment,
    freezing,
    group,
    groups,
    holding,
    retrying,
    rolling_back,
    target,
    windows,
)

PAGES = (
    groups.PAGE,
    group.PAGE,
    deploying.FORM,
    deploying.PLAN,
    rolling_back.PAGE,
    holding.with_links(deployment.PAGE),
    *holding.PAGES,
    retrying.PAGE,
    target.PAGE,
    target.LOG,
    budgets.PAGE,
    budgets.RELEASE,
    windows.PAGE,
    windows.LIFT,
    freezing.PAGE,
)
ACTIONS = (
    deploying.ACTION,
    rolling_back.ACTION,
    *holding.ACTIONS,
    retrying.ACTION,
    budgets.ACTION,
    windows.ACTION,
    freezing.ACTION,
)
