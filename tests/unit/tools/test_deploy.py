import tomllib
from pathlib import Path

import pytest

from local.template import template
from tools import deploy

_ROOT = Path(__file__).parents[3]
_CONFIG = tomllib.loads((_ROOT / "samconfig.toml").read_text())


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_a_stage_sets_parameters_of_the_template_to_values_that_it_allows(stage: str) -> None:
    declared = template()["Parameters"]

    for name, value in deploy.parameters(_CONFIG, stage, []).items():
        allowed = declared[name].get("AllowedValues", [value])
        assert value in [str(one) for one in allowed], name


def test_what_is_given_comes_after_what_the_stage_has() -> None:
    chosen = deploy.parameters(_CONFIG, "prod", ["LogRetentionDays=7", "BuiltinBaseUrl=https://x/?a=b"])

    assert (chosen["Stage"], chosen["LogRetentionDays"]) == ("prod", "7")
    assert chosen["BuiltinBaseUrl"] == "https://x/?a=b"
    assert chosen["DeploymentType"].startswith("Canary")


def test_a_stage_without_a_section_takes_the_templates_defaults() -> None:
    assert deploy.parameters(_CONFIG, "test", ["Architecture=arm64"]) == {"Stage": "test", "Architecture": "arm64"}


@pytest.mark.parametrize("text", ["LogLevel", "=x", ""])
def test_a_parameter_without_a_name_or_a_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Name=value"):
        deploy.parameters(_CONFIG, "dev", [text])


def test_a_release_is_another_when_a_file_a_name_or_a_parameter_is(tmp_path: Path) -> None:
    def release(files: dict[str, str], **chosen: str) -> str:
        build = tmp_path / str(len(seen))
        for name, content in files.items():
            (build / name).parent.mkdir(parents=True, exist_ok=True)
            (build / name).write_text(content)
        seen.append(deploy.digest(build, chosen))
        return seen[-1]

    seen: list[str] = []
    first = release({"SharedLayer/a.py": "1"}, Stage="dev")

    assert release({"SharedLayer/a.py": "1"}, Stage="dev") == first
    release({"SharedLayer/a.py": "2"}, Stage="dev")
    release({"SharedLayer/b.py": "1"}, Stage="dev")
    release({"SharedLayer/a.py": "1"}, Stage="prod")
    assert len(set(seen)) == 4
    assert all(len(one) == 32 for one in seen)
