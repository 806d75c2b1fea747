from tenant_llm.domain.quirks import Quirks


def test_merging_adds_up_collections_and_replaces_single_values() -> None:
    under = Quirks(drop=("a", "b"), defaults={"x": 1, "y": 1}, path="one", max_batch=10)
    over = Quirks(drop=("b", "c"), defaults={"y": 2}, path="two")

    merged = under.merge(over)

    assert merged == Quirks(drop=("a", "b", "c"), defaults={"x": 1, "y": 2}, path="two", max_batch=10)


def test_an_empty_path_is_a_value_of_its_own() -> None:
    assert Quirks(path="chat").merge(Quirks(path="")).path == ""
