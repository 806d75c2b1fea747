from pathlib import Path

from tools.dashboard import widgets
from tools.dashboard_picture import draw


def test_the_same_definition_gives_the_same_picture_and_all_of_it_is_drawn(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw(tmp_path / name)

    picture = (tmp_path / "one.svg").read_text()
    assert picture == (tmp_path / "two.svg").read_text()
    assert [one for one in widgets() if f">{one['properties']['title']}</text>" not in picture] == []
    assert "the curves are schematic, not measured" in picture
