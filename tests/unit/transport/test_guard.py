import pytest

from tenant_llm.domain.errors import InvalidRequest
from tenant_llm.transport.guard import check_url


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "2130706433",
        "0x7f.1",
        "017700000001",
        "127.1",
        "::1",
        "::",
        "fe80::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:101:101::",
        "2001::1",
        "::127.0.0.1",
        "fec0::1",
        "64:ff9b:1::1",
        "192.88.99.1",
        "240.0.0.1",
    ],
)
def test_an_address_that_is_not_public_is_refused_in_whatever_notation(host: str) -> None:
    with pytest.raises(InvalidRequest, match="public address") as caught:
        check_url(f"https://[{host}]/v1" if ":" in host else f"https://{host}/v1", allow_private=False)

    assert (caught.value.param, caught.value.code) == ("api_base", "provider_url_refused")


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_a_public_address_is_taken(address: str) -> None:
    check_url(f"https://[{address}]/v1" if ":" in address else f"https://{address}/v1", allow_private=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://1.1.1.1/v1", "not an https URL"),
        ("ftp://1.1.1.1/v1", "not an https URL"),
        ("1.1.1.1/v1", "not an https URL"),
        ("https:///v1", "names no host"),
        ("https://user:pass@1.1.1.1/v1", "no user name"),
        ("https://1.1.1.1/v1?key=1", "query"),
        ("https://1.1.1.1:port/v1", "not a URL"),
        ("https://1.1.1.1:0/v1", "no port"),
        ("https://1.1.1.1:65536/v1", "no port"),
        ("https://1.1.1.1/v1\n", "not a URL"),
        ("https://127.0.0.1/v1", "not at a public address"),
        ("https://no-such-host.invalid/v1", "cannot be resolved"),
    ],
)
def test_a_base_url_that_will_not_do_is_refused_with_its_reason(url: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        check_url(url, allow_private=False)

    assert "pass" not in caught.value.message


def test_a_good_base_url_passes() -> None:
    check_url("https://1.1.1.1/v1", allow_private=False)


def test_an_operator_may_allow_plain_http_and_private_addresses_but_no_user_names() -> None:
    check_url("http://127.0.0.1:8080/v1", allow_private=True)

    with pytest.raises(InvalidRequest):
        check_url("http://user@127.0.0.1/v1", allow_private=True)
