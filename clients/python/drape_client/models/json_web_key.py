from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from ..models.json_web_key_alg import JsonWebKeyAlg
from ..models.json_web_key_crv import JsonWebKeyCrv
from ..models.json_web_key_kty import JsonWebKeyKty
from ..models.json_web_key_use import JsonWebKeyUse


T = TypeVar("T", bound="JsonWebKey")


@_attrs_define
class JsonWebKey:
    """An Ed25519 public key (RFC 8037).

    Attributes:
        kty (JsonWebKeyKty):
        crv (JsonWebKeyCrv):
        x (str):
        kid (str):
        alg (JsonWebKeyAlg):
        use (JsonWebKeyUse):
    """

    kty: JsonWebKeyKty
    crv: JsonWebKeyCrv
    x: str
    kid: str
    alg: JsonWebKeyAlg
    use: JsonWebKeyUse
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        kty = self.kty.value

        crv = self.crv.value

        x = self.x

        kid = self.kid

        alg = self.alg.value

        use = self.use.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "kty": kty,
                "crv": crv,
                "x": x,
                "kid": kid,
                "alg": alg,
                "use": use,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        kty = JsonWebKeyKty(d.pop("kty"))

        crv = JsonWebKeyCrv(d.pop("crv"))

        x = d.pop("x")

        kid = d.pop("kid")

        alg = JsonWebKeyAlg(d.pop("alg"))

        use = JsonWebKeyUse(d.pop("use"))

        json_web_key = cls(
            kty=kty,
            crv=crv,
            x=x,
            kid=kid,
            alg=alg,
            use=use,
        )

        json_web_key.additional_properties = d
        return json_web_key

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
