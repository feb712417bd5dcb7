from tests.e2e.browser import Browser

PRIVATE = {"d", "k", "p", "q"}


def test_the_public_keys_are_public(browser: Browser) -> None:
    answer = browser.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) == {"keys"}
    for key in answer.json()["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
        assert key["kid"]
        assert len(key["x"]) == 43


def test_no_private_key_is_among_them(browser: Browser) -> None:
    keys = browser.get("/.well-known/jwks.json").json()["keys"]
    assert keys
    assert not [name for key in keys for name in PRIVATE & set(key)]
