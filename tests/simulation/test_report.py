"""What a run says to a person."""

from simulation import report
from simulation.hosts import Durations
from simulation.scenario import Scenario, config
from simulation.world import World

STEADY = Durations(median=40, spread=0)


def test_the_summary_of_runs_has_their_times_and_the_first_broken_promise_with_its_seed() -> None:
    fields = {"hosts": 4, "config": config("HalfAtATime"), "durations": STEADY}
    well = World(Scenario(**fields, seed=5)).run()  # type: ignore[arg-type]
    cut_short = World(Scenario(**fields, seed=6, longest_seconds=20)).run()  # type: ignore[arg-type]
    found = report.summary([well, cut_short])
    assert found["runs"] == 2 and found["seeds"] == [5, 6]
    assert found["outcomes"] == {"Succeeded": 1, "InProgress": 1}
    assert found["healthyHosts"] == {"promised": 2, "fewest": 2}
    assert found["seconds"]["p95"] == round(well.seconds, 1)
    (broken,) = found["broken"]
    assert broken["seed"] == 6 and "never ended" in broken["promise"]
    assert found["calls"]["ssm:SendCommand"] == 3  # the mean of four and two


def test_the_timetable_tells_when_how_many_hosts_were_done() -> None:
    result = World(Scenario(hosts=4, durations=STEADY)).run()
    times = {what: seconds for seconds, what in report.timetable(result)}
    assert list(times) == [
        "deployment created",
        "deployment begins",
        "10 % of the hosts have the revision",
        "50 % of the hosts have the revision",
        "100 % of the hosts have the revision",
        "deployment Succeeded",
    ]
    assert 40 < times["10 % of the hosts have the revision"] < 60 and 160 < times["deployment Succeeded"] < 200


def test_the_chart_has_the_fewest_hosts_of_each_column_and_the_promise() -> None:
    result = World(Scenario(hosts=8, config=config("HalfAtATime"), durations=STEADY)).run()
    *rows, _, times = report.chart(result, width=20, height=8)
    assert [row.split("│")[0].strip() for row in rows] == ["8", "7", "6", "5", "4", "3", "2", "1"]
    assert rows[4].endswith("promised") and "█" * 20 in rows[4]
    assert rows[0].count("█") < 10 and times.split() == ["0", report.words(result.seconds)]
