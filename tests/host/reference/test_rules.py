"""Every rule of the reference has a test, and every test that is named is there.

OF_APPSPECS and OF_EXECUTION list the rules: sections E, C and F of CodeDeploy's facts. A test beside this file says
which it shows by `rule`, a case of a table by its id; what follows a colon is a detail. Others have tests elsewhere.
"Differs" is on purpose, see docs/appspec.md.
"""

from collections.abc import Mapping, Sequence
from types import ModuleType

import pytest

from tests.host.reference import (
    test_appspec,
    test_conflicts,
    test_execution,
    test_hooks,
    test_log_and_places,
    test_permissions,
)
from tests.host.reference.rules import functions_of, shown

OF_APPSPECS = (
    "E.1 YAML",
    "E.1 root of the revision",
    "E.1 only folder stripped",
    "E.1 lookup by event",
    "E.1 missing",
    "E.1 parsed at every event",
    "E.2 whole file",
    "E.2 version",
    "E.2 os",
    "E.2 files, permissions and hooks are optional",
    "E.2 file_exists_behavior",
    "E.2 result of a broken file",
    "E.2 unknown keys",
    "E.2 file_exists_behavior beats the deployment's",
    "E.2 which error is told",
    "E.3 source or destination missing",
    "E.3 source path",
    "E.3 source is a directory",
    "E.3 source is a file",
    "E.3 missing source",
    "E.3 destination",
    "E.3 parents of destination",
    "E.3 attributes",
    "E.3 links to files",
    "E.3 links to directories",
    "E.3 same destination twice",
    "E.3 file and directory clash",
    "E.3 existing directory",
    "E.3 files absent",
    "E.4 step 1, parse",
    "E.4 step 2, removals in reverse order",
    "E.4 step 3, judged after the removals",
    "E.4 step 4, install.json",
    "E.4 step 5, cleanup file",
    "E.4 step 6, marker",
    "E.4 DISALLOW",
    "E.4 OVERWRITE",
    "E.4 RETAIN",
    "E.4 removals and conflicts",
    "E.4 own files never exist",
    "E.4 files of another group",
    "E.4 RETAIN and the next deployment",
    "E.4 OVERWRITE by a link",
    "E.4 what exists",
    "E.4 half an Install",
    "E.4 cleanup of files",
    "E.4 cleanup of directories",
    "E.4 cleanup of links",
    "E.4 cleanup of contexts",
    "E.4 cleanup's last line",
    "E.4 files of hooks",
    "E.5 object",
    "E.5 pattern",
    "E.5 except",
    "E.5 type",
    "E.5 owner and group",
    "E.5 mode",
    "E.5 object is a copied file",
    "E.5 object is a directory",
    "E.5 object is anything else",
    "E.5 never applied",
    "E.5 direct children",
    "E.5 any depth",
    "E.5 matched twice",
    "E.5 order",
    "E.5 unquoted leading zero",
    "E.5 ACL grammar",
    "E.5 ACL errors",
    "E.5 ACL execution",
    "E.5 context user",
    "E.5 context type",
    "E.5 context range",
    "E.5 context role",
    "E.5 context range grammar",
    "E.5 context execution",
    "E.6 location",
    "E.6 timeout",
    "E.6 runas",
    "E.6 sudo",
    "E.6 scripts in order",
    "E.6 null event",
    "E.6 one location is one path",
    "E.6 sum of timeouts",
    "E.6 unknown events",
    "E.6 same script twice",
)

OF_APPSPECS_ELSEWHERE = {
    "E.1 root of the revision": "archive/test_archive.py::test_the_appspec_is_found_at_the_root_or_in_the_only_folder",
    "E.2 files, permissions and hooks are optional": "test_appspec.py::test_the_smallest_appspec",
    "E.2 file_exists_behavior beats the deployment's": "test_install.py::test_the_appspec_beats_the_deployment",
    "E.2 which error is told": "test_appspec.py::test_all_problems_of_a_file_are_told_together_each_with_its_place",
    "E.3 source is a directory": "test_install.py::test_install_copies_with_mode_time_links_and_empty_folders",
    "E.3 missing source": "test_install.py::test_a_missing_source_is_told_before_the_old_release_goes",
    "E.3 links to files": "test_install.py::test_install_copies_with_mode_time_links_and_empty_folders",
    "E.3 links to directories": "test_install.py::test_links_to_folders_are_followed_and_copied_as_folders",
    "E.3 file and directory clash": (
        "test_install.py::test_a_place_that_is_a_file_and_a_folder_is_told_before_the_old_release_goes"
    ),
    "E.4 DISALLOW": "test_install.py::test_disallow_refuses_a_foreign_file_and_leaves_the_old_release_in_place",
    "E.4 removals and conflicts": (  # differs: conflicts are found before anything is removed
        "test_install.py::test_disallow_refuses_a_foreign_file_and_leaves_the_old_release_in_place"
    ),
    "E.4 OVERWRITE": "test_install.py::test_overwrite_and_retain",
    "E.4 RETAIN": "test_install.py::test_overwrite_and_retain",
    "E.4 RETAIN and the next deployment": "test_install.py::test_overwrite_and_retain",
    "E.4 cleanup of directories": (
        "test_install.py::test_the_next_install_removes_what_the_last_one_put_there_and_only_that"
    ),
    "E.4 cleanup's last line": "test_journal.py::test_an_interrupted_install_is_undone_by_another_deployment",
    "E.4 files of hooks": (
        "random/test_reinstall.py::test_what_a_hook_has_made_stays_and_what_the_revision_has_made_goes"
    ),
    "E.5 object is a directory": "test_install.py::test_permissions_apply_to_what_this_deployment_created_only",
    "E.5 any depth": "test_install.py::test_permissions_apply_to_what_this_deployment_created_only",
    "E.5 unquoted leading zero": "test_appspec.py::test_a_mode_is_octal_however_it_is_written",  # differs
    "E.6 null event": "test_appspec.py::test_hooks_in_order_with_their_defaults",
    "E.6 same script twice": "test_events.py::test_a_whole_deployment_succeeds_on_every_python_here",
}

OF_EXECUTION = (
    "C.5 BeforeBlockTraffic",
    "C.5 AfterBlockTraffic",
    "C.5 ApplicationStop",
    "C.5 BeforeInstall to ValidateService",
    "C.5 BeforeAllowTraffic and AfterAllowTraffic",
    "C.5 markers",
    "C.5 current once it is unpacked",
    "C.5 no marker",
    "C.5 Install ended, whatever came then",
    "C.5 AppSpec, scripts and ids",
    "C.5 broken ApplicationStop",
    "C.5 folder gone",
    "C.6 three events",
    "C.6 status stays Failed",
    "C.6 default",
    "F.1 always",
    "F.1 S3 revisions",
    "F.1 GitHub revisions",
    "F.1 added to the runner's own",
    "F.1 credentials",
    "F.1 current deployment",
    "F.1 runas",
    "F.2 command",
    "F.2 path",
    "F.2 user",
    "F.2 working directory",
    "F.2 stdin and process group",
    "F.2 missing",
    "F.2 not executable",
    "F.2 interpreter",
    "F.2 success",
    "F.3 timeout",
    "F.3 SIGTERM ignored",
    "F.3 output kept open",
    "F.3 exit status",
    "F.3 signal",
    "F.3 agent restarted",
    "F.3 one budget",
    "F.3 an event's hour",
    "F.3 lines",
    "F.4 size",
    "F.4 Success",
    "F.4 ScriptMissing",
    "F.4 ScriptNotExecutable",
    "F.4 ScriptTimedOut",
    "F.4 ScriptFailed",
    "F.4 ScriptFailed as another user",
    "F.4 ScriptFailed at its start",
    "F.4 UnknownError",
    "F.4 output not closed",
    "F.4 agent restarted",
    "F.4 scriptName",
    "F.4 logTail",
    "F.4 newest line too long",
    "F.4 lines of the tail",
    "F.5 scripts.log",
    "F.5 log of all deployments",
    "F.5 rotation",
    "F.5 in the current deployment's folder",
    "F.5 no limit",
    "F.6 bundle.tar",
    "F.6 deployment-archive",
    "F.6 logs",
    "F.6 cleanup",
    "F.6 install.json",
    "F.6 last_successful_install",
    "F.6 most_recent_install",
    "F.6 running command",
    "F.6 retention",
    "F.7 S3",
    "F.7 tries",
    "F.7 tar",
    "F.7 tgz",
    "F.7 zip",
    "F.7 owners and modes of a tar",
    "F.7 disk full",
    "F.7 rebuilt each time",
)

OF_EXECUTION_ELSEWHERE = {
    "C.5 no marker": "test_events.py::test_application_stop_runs_the_script_of_what_was_installed_before",
    "C.5 AppSpec, scripts and ids": (
        "test_events.py::test_application_stop_runs_the_script_of_what_was_installed_before"
    ),
    "C.5 folder gone": "test_events.py::test_a_lost_previous_revision_is_no_lock_out",  # differs: no failure
    "F.1 always": "test_events.py::test_a_script_finds_the_deployment_in_its_environment",
    "F.2 path": "test_events.py::test_nothing_that_the_revision_says_reaches_a_shell",  # differs: quoted
    "F.2 missing": "test_events.py::test_a_missing_script_is_reported_as_missing",
    "F.3 SIGTERM ignored": "test_events.py::test_a_script_that_ignores_sigterm_is_killed",  # differs: SIGKILL
    "F.3 exit status": "test_events.py::test_a_failing_script_is_reported_with_its_exit_code_and_last_lines",
    "F.3 agent restarted": "test_journal.py::test_a_hook_whose_runner_was_killed_has_failed_and_its_processes_end",
    "F.3 an event's hour": "test_journal.py::test_a_script_ends_before_its_step_does",
    "F.4 size": "test_events.py::test_whatever_a_script_prints_the_line_stays_whole_and_small",  # differs: 2,300 bytes
    "F.4 ScriptMissing": "test_events.py::test_a_missing_script_is_reported_as_missing",
    "F.4 ScriptTimedOut": "test_events.py::test_a_hanging_script_ends_with_its_whole_group_when_its_time_is_over",
    "F.4 ScriptFailed": "test_events.py::test_a_failing_script_is_reported_with_its_exit_code_and_last_lines",
    "F.4 ScriptFailed as another user": (
        "test_events.py::test_runas_runs_the_script_as_that_user_with_the_same_environment"
    ),
    "F.4 UnknownError": "reference/test_appspec.py::test_a_broken_file_is_an_unknown_error_with_the_text",
    "F.4 agent restarted": "test_journal.py::test_a_hook_whose_runner_was_killed_has_failed_and_its_processes_end",
    "F.4 scriptName": "reference/test_hooks.py::test_a_location_is_below_the_revision",
    "F.5 no limit": "trouble/test_full_root.py::test_a_log_without_end_takes_its_room_and_no_more",  # differs: a limit
    "F.6 retention": (  # differs: always five
        "test_events.py::test_only_the_five_newest_revisions_and_the_installed_one_are_kept"
    ),
    "F.7 S3": "test_events.py::test_a_wrong_digest_stops_before_anything_is_unpacked",  # differs: by sha256
    "F.7 tries": "test_events.py::test_a_transient_error_is_tried_again_and_a_refusal_is_not",
    "F.7 owners and modes of a tar": "archive/test_oddities.py::test_a_tar_keeps_its_owners_by_name_and_else_by_number",
    "F.7 disk full": "archive/test_oddities.py::test_a_full_disk_is_no_fault_of_the_archive",
    "F.7 rebuilt each time": "test_journal.py::test_a_download_that_was_killed_is_done_anew",
}

APPSPECS, EXECUTION = (
    (test_appspec, test_conflicts, test_permissions, test_hooks),
    (test_execution, test_log_and_places),
)


@pytest.mark.parametrize(
    ("modules", "reference", "elsewhere"),
    [
        pytest.param(APPSPECS, OF_APPSPECS, OF_APPSPECS_ELSEWHERE, id="AppSpecs"),
        pytest.param(EXECUTION, OF_EXECUTION, OF_EXECUTION_ELSEWHERE, id="execution"),
    ],
)
def test_every_rule_has_a_test(
    modules: Sequence[ModuleType], reference: Sequence[str], elsewhere: Mapping[str, str]
) -> None:
    have = set().union(*map(shown, modules)) | set(elsewhere)
    assert (set(reference) - have, have - set(reference)) == (set(), set()), "without a test, and not in the reference"
    gone = [each for each in elsewhere.values() if each.partition("::")[2] not in functions_of(each.partition("::")[0])]
    assert not gone
