"""The code's metrics, the dashboard, the alarms and their runbook agree with each other, in both directions."""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from local.template import load, resources, template
from tenant_llm.telemetry import metrics
from tests.support.metrics import emitted, inside_lambda
from tools import dashboard
from tools.dashboard_picture import PICTURE, definition_hash, labels

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "monitoring.md").read_text()
_RUNBOOK = _PAGE.partition("\n## Runbook\n")[2]
_TEMPLATE = load(dashboard.PATH)
_ALARMS: dict[str, dict[str, Any]] = {
    name: dashboard.resolved(resource["Properties"])
    for name, resource in _TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
_WIDGETS = dashboard.widgets()
_SEARCH = re.compile(r"SEARCH\('\{([^}]+)\} (.*)', '\w+', \d+\)")
_MOST_METRICS = 10  # of an alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html

type Metric = tuple[str, str, frozenset[tuple[str, str]]]


def _name(alarm: dict[str, Any]) -> str:
    return str(alarm["AlarmName"]).removeprefix(f"{dashboard.STACK}-")


def _watched(alarm: dict[str, Any]) -> Iterator[Metric]:
    """Namespace, name and dimensions of what an alarm looks at."""
    parts = [part["MetricStat"]["Metric"] for part in alarm.get("Metrics", []) if "MetricStat" in part]
    for part in parts or [alarm]:
        dimensions = frozenset((one["Name"], one["Value"]) for one in part["Dimensions"])
        yield part["Namespace"], part["MetricName"], dimensions


def _shown() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Namespace, name and the dimensions' names of what the dashboard draws."""
    for widget in _WIDGETS:
        for entry in widget["properties"].get("metrics", []):
            match entry:
                case [str(namespace), str(name), *dimensions]:
                    yield namespace, name, frozenset(one for one in dimensions[::2] if isinstance(one, str))
                case [{"expression": str(expression)}] if found := _SEARCH.fullmatch(expression):
                    namespace, *names = found[1].split(",")
                    (name,) = re.findall(r'MetricName="(\w+)"', found[2])
                    yield namespace, name, frozenset(names)


def _functions() -> set[str]:
    of_the_template = [one for one in resources().values() if one["Type"] == "AWS::Serverless::Function"]
    return {one["Properties"]["FunctionName"]["Fn::Sub"].removeprefix("${AWS::StackName}-") for one in of_the_template}


def _functions_watched(metric: str) -> list[str]:
    watched = [one for alarm in _ALARMS.values() for one in _watched(alarm)]
    names = [
        dict(part)["FunctionName"] for namespace, name, part in watched if (namespace, name) == ("AWS/Lambda", metric)
    ]
    return sorted(name.removeprefix(f"{dashboard.STACK}-") for name in names)


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, frozenset[str]]]:
    """Names and the dimensions' names of the metrics that the code writes."""
    inside_lambda(monkeypatch)
    return {(name, dimensions) for name, dimensions, _ in emitted()}


def test_an_alarm_watches_metrics_that_the_code_writes_for_the_stack(ours: set[tuple[str, frozenset[str]]]) -> None:
    watched = [one for alarm in _ALARMS.values() for one in _watched(alarm) if not one[0].startswith("AWS/")]

    assert watched
    for namespace, name, dimensions in watched:
        assert namespace == metrics._NAMESPACE
        assert (name, frozenset(key for key, _ in dimensions)) in ours, name
        assert dict(dimensions)["service"] == dashboard.STACK, name


def test_the_dashboard_shows_the_metrics_that_the_code_writes_and_no_others(
    ours: set[tuple[str, frozenset[str]]],
) -> None:
    shown = {(name, dimensions) for namespace, name, dimensions in _shown() if not namespace.startswith("AWS/")}

    assert shown - ours == set()
    assert {name for name, _ in ours} == {name for name, _ in shown}


def test_the_page_names_each_metric_with_its_dimensions(ours: set[tuple[str, frozenset[str]]]) -> None:
    rows = re.findall(r"^\| (`.+?) \| \w+ \| (pair|service) \|", _PAGE, re.MULTILINE)
    told = {name: kind for names, kind in rows for name in re.findall(r"`(\w+)`", names)}

    pairs = {name for name, dimensions in ours if "factory" in dimensions}
    assert told == {name: "pair" if name in pairs else "service" for name, _ in ours}


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    headings = re.findall(r"^### (.+)$", _RUNBOOK, re.MULTILINE)

    assert sorted(headings) == sorted(map(_name, _ALARMS.values()))


@pytest.mark.parametrize("alarm", _ALARMS.values(), ids=_ALARMS)
def test_a_runbook_says_what_it_means_what_to_do_and_when_it_is_over(alarm: dict[str, Any]) -> None:
    section = _RUNBOOK.partition(f"\n### {_name(alarm)}\n")[2].partition("\n### ")[0]

    words = re.findall(r"\*\*(Means|Callers|Look|do|Do|Over)\*\*", section)
    assert [word.capitalize() for word in words] == ["Means", "Callers", "Look", "Do", "Over"]


@pytest.mark.parametrize("alarm", _ALARMS.values(), ids=_ALARMS)
def test_an_alarm_points_to_its_runbook_and_is_told_when_it_starts_and_ends(alarm: dict[str, Any]) -> None:
    (row,) = re.findall(rf"^\| \[{_name(alarm)}\]\(#{_name(alarm)}\) \| (.+) \|$", _PAGE, re.MULTILINE)

    assert alarm["AlarmDescription"].endswith(f" Runbook: docs/monitoring.md#{_name(alarm)}")
    assert re.search(rf"\b{alarm['Threshold']}\b", row)
    assert alarm["AlarmActions"] == alarm["OKActions"] != []
    assert alarm["TreatMissingData"] in ("ignore", "notBreaching")
    assert len(list(_watched(alarm))) <= _MOST_METRICS


def test_the_page_tells_how_many_metrics_the_alarms_are_billed_for() -> None:
    always = [alarm for name, alarm in _ALARMS.items() if "Condition" not in _TEMPLATE["Resources"][name]]

    assert f"their {sum(len(list(_watched(alarm))) for alarm in always)} metrics" in _PAGE


def test_the_runbooks_commands_ask_for_what_there_is() -> None:
    logs = (_ROOT / "layers" / "shared" / "python" / "tenant_llm" / "telemetry" / "logs.py").read_text()
    written = set(re.findall(r'_write\(\s*"\w+",\s*"([^"]+)"', logs))
    targets = set(re.findall(r"^([a-z_]+):", (_ROOT / "Makefile").read_text(), re.MULTILINE))

    asked = set(re.findall(r'message = "([^"]+)"', _RUNBOOK))
    outputs = set(re.findall(r"\b(?:output|waiting) ([A-Z]\w+)", _RUNBOOK))
    made = set(re.findall(r"\bmake ([a-z_]+)", _PAGE))

    assert {"unsettled", "unbooked", "call failed"} <= asked <= written
    assert {"DeadLetterQueueUrl", "SettlementQueueUrl"} <= outputs <= template()["Outputs"].keys()
    assert {"redrive", "replay_unsettled"} <= made <= targets


def test_the_errors_of_each_function_are_watched_by_one_alarm_and_shown() -> None:
    shown = [
        set(re.findall(rf'"{dashboard.STACK}-([^"]+)"', str(widget).replace("\\", "")))
        for widget in _WIDGETS
        if "FunctionName=(" in str(widget)
    ]

    # The authorizer raises for every wrong token: UncheckedTokens is watched instead.
    assert _functions_watched("Errors") == sorted(_functions() - {"authorize"})
    assert shown == [_functions()] * 4


def test_throttles_are_watched_of_every_function_that_a_caller_waits_for() -> None:
    models = {name for name in _functions() if name.startswith(("invoke-", "stream-"))}

    assert _functions_watched("Throttles") == sorted({"authorize", *models})


def test_the_dashboard_names_every_alarm() -> None:
    (names,) = [widget["properties"]["alarms"] for widget in _WIDGETS if widget["type"] == "alarm"]

    prefix = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:"
    assert sorted(names) == sorted(prefix + alarm["AlarmName"] for alarm in _ALARMS.values())


def test_widgets_lie_within_the_grid_and_beside_each_other() -> None:
    def cells(widget: dict[str, Any]) -> set[tuple[int, int]]:
        across = range(widget["x"], widget["x"] + widget["width"])
        down = range(widget["y"], widget["y"] + widget["height"])
        return {(x, y) for x in across for y in down}

    assert all(0 <= x < 24 for widget in _WIDGETS for x, _ in cells(widget))
    assert [(a, b) for a, b in combinations(_WIDGETS, 2) if cells(a) & cells(b)] == []


def test_titles_and_legends_are_told_apart() -> None:
    titles = [widget["properties"]["title"] for widget in _WIDGETS]

    assert len(set(titles)) == len(titles)
    for widget in _WIDGETS:
        if widget["type"] == "metric":
            legend = labels(widget["properties"])
            assert legend
            assert len(set(legend)) == len(legend)


def test_the_picture_is_of_this_dashboard() -> None:
    assert definition_hash() in PICTURE.read_text(), "python -m tools.dashboard_picture"


def test_the_stack_hands_over_what_the_dashboard_and_the_alarms_ask_for() -> None:
    handed = resources()["MonitoringStack"]["Properties"]["Parameters"]
    parameters = _TEMPLATE["Parameters"]

    assert handed.keys() <= parameters.keys()
    assert {name for name, one in parameters.items() if "Default" not in one} <= handed.keys()


def test_functions_write_under_the_name_that_alarms_ask_for() -> None:
    variables = template()["Globals"]["Function"]["Environment"]["Variables"]
    handed = resources()["MonitoringStack"]["Properties"]["Parameters"]

    assert variables["POWERTOOLS_SERVICE_NAME"] == handed["Service"] == resources()["Api"]["Properties"]["Name"]
    assert "POWERTOOLS_METRICS_NAMESPACE" not in variables


def test_no_log_level_drops_the_metrics() -> None:
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html: no level is INFO
    assert set(template()["Parameters"]["LogLevel"]["AllowedValues"]) <= {"DEBUG", "INFO"}
