"""The pages that there are. One more is one more module, and one more line here."""

from cli.console.pages import groups

PAGES = (groups.PAGE,)
