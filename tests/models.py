"""What botocore reads, lists and renames is the same for all tests: once for all the sessions and clients they make."""

from functools import cache, lru_cache
from typing import Any

import pytest
from botocore.client import ClientCreator
from botocore.compat import accepts_kwargs
from botocore.endpoint_provider import EndpointProvider
from botocore.hooks import EVENT_ALIASES, EventAliaser
from botocore.loaders import JSONFileLoader, Loader


def keep(patch: pytest.MonkeyPatch) -> None:
    """From now on, for as long as the patch lasts."""
    read = cache(JSONFileLoader().load_file)
    patch.setattr(JSONFileLoader, "load_file", lambda loader, path: read(path))
    # Asked of each of a hundred handlers by each session.
    patch.setattr("botocore.hooks.accepts_kwargs", lru_cache(1024)(accepts_kwargs))
    _keep_lists(patch)
    _keep_names(patch)
    _keep_methods(patch)
    _keep_rules(patch)


def _keep_lists(patch: pytest.MonkeyPatch) -> None:
    """The names of botocore's own services: seven hundred folders to look into."""
    look: Any = Loader.list_available_services
    own = Loader.BUILTIN_DATA_PATH

    @cache
    def known(kind: str) -> frozenset[str]:
        return frozenset(look(_loader(own), kind))

    def listed(loader: Loader, type_name: str) -> list[str]:
        """Other places may change between two looks."""
        others = [path for path in loader.search_paths if path != own]
        added = look(_loader(*others), type_name)
        return sorted({*added, *(known(type_name) if own in loader.search_paths else ())})

    patch.setattr(Loader, "list_available_services", listed)


def _loader(*paths: str) -> Loader:
    return Loader(extra_search_paths=list(paths), include_default_search_paths=False)


def _keep_names(patch: pytest.MonkeyPatch) -> None:
    """The events' names of today for those of before: each client would compare hundreds of them anew."""
    aliaser_class: Any = EventAliaser
    rename, usual = aliaser_class._alias_event_name, aliaser_class(None)
    known = cache(lambda name: rename(usual, name))

    def renamed(aliaser: Any, event_name: str) -> Any:
        return known(event_name) if aliaser._event_aliases == EVENT_ALIASES else rename(aliaser, event_name)

    patch.setattr(EventAliaser, "_alias_event_name", renamed)


def _keep_methods(patch: pytest.MonkeyPatch) -> None:
    """Of each service's clients: a function for each of seven hundred operations of EC2, which is the client's own only
    by its `self`."""
    creator_class: Any = ClientCreator
    make = creator_class._create_methods
    known = dict[tuple[str, ...], dict[str, Any]]()

    def methods(creator: Any, service_model: Any) -> dict[str, Any]:
        key = (service_model.service_name, service_model.api_version, *service_model.operation_names)
        if key not in known:
            known[key] = make(creator, service_model)
        return dict(known[key])

    patch.setattr(creator_class, "_create_methods", methods)


def _keep_rules(patch: pytest.MonkeyPatch) -> None:
    """A service's rules for its endpoints, read from what is read once itself."""
    known = dict[tuple[int, ...], tuple[Any, Any, EndpointProvider]]()

    def provider(ruleset_data: Any, partition_data: Any, **more: Any) -> EndpointProvider:
        key = (id(ruleset_data), id(partition_data), *map(id, more.values()))
        if key not in known:  # with what the numbers stand for, so that nothing else gets them
            made = EndpointProvider(ruleset_data, partition_data, **more)
            known[key] = ((ruleset_data, partition_data), more, made)
        return known[key][2]

    patch.setattr("botocore.regions.EndpointProvider", provider)
