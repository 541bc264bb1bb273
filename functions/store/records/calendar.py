"""The calendar: windows and freezes, of deployments.yaml and of people, in one partition that is read as a whole."""

from functions.core.records.calendar import Calendar, Freeze, Window
from functions.core.text.shapes import from_plain, to_plain
from functions.store.keys import freeze_key, window_key
from functions.store.table.items import items
from functions.store.table.values import IS_NEW, IS_THERE, Delete, Put, Query

_ALL = Query(window_key(0).pk)
_WINDOW = window_key(0).sk.partition("#")[0]


def read() -> Calendar:
    """As it is now."""
    found = list(items().query(_ALL))
    windows = [from_plain(Window, item) for item in found if str(item["sk"]).startswith(_WINDOW)]
    freezes = [from_plain(Freeze, item) for item in found if not str(item["sk"]).startswith(_WINDOW)]
    return Calendar(windows=tuple(windows), freezes=tuple(freezes))


def add_freeze(freeze: Freeze) -> bool:
    return items().write(Put(freeze_key(freeze.freeze_id), to_plain(freeze), IS_NEW))


def remove_freeze(freeze_id: str) -> bool:
    """False when it is gone already."""
    return items().write(Delete(freeze_key(freeze_id), IS_THERE))


def change_declared(wanted: Calendar, who: str) -> list[str]:
    """Bring what deployments.yaml says (`who`) to this; the names of what was written. What people froze stays."""
    before, written = read(), list[str]()
    known = {each.freeze_id: each for each in before.freezes if each.who == who}
    new = {each.freeze_id: each for each in wanted.freezes}
    for freeze_id in [each for each, freeze in new.items() if known.get(each) != freeze]:
        items().write(Put(freeze_key(freeze_id), to_plain(new[freeze_id])))
        written.append(freeze_id)
    for freeze_id in sorted(known.keys() - new):
        items().write(Delete(freeze_key(freeze_id)))
        written.append(freeze_id)
    if before.windows != wanted.windows:
        for number, window in enumerate(wanted.windows):
            items().write(Put(window_key(number), to_plain(window)))
        for number in range(len(wanted.windows), len(before.windows)):
            items().write(Delete(window_key(number)))
        written.append("windows")
    return written
