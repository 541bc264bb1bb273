"""The pages that there are. One more is one more module, and one more line here."""

from cli.console.pages import deployment, groups, target

PAGES = (groups.PAGE, deployment.PAGE, target.PAGE, target.LOG)
