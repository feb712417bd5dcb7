from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, BinaryIO, TextIO, TYPE_CHECKING, Generator

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

from typing import cast

if TYPE_CHECKING:
    from ..models.bad_request import BadRequest
    from ..models.error_info import ErrorInfo


T = TypeVar("T", bound="Error")


@_attrs_define
class Error:
    """Every error looks like this: the JSON of a google.rpc.Status.

    Attributes:
        code (int): The code of gRPC.
        message (str): A sentence to show to a person.
        details (list[BadRequest | ErrorInfo]): The ErrorInfo first.
    """

    code: int
    message: str
    details: list[BadRequest | ErrorInfo]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.bad_request import BadRequest  # noqa: PLC0415
        from ..models.error_info import ErrorInfo  # noqa: PLC0415

        code = self.code

        message = self.message

        details = []
        for details_item_data in self.details:
            details_item: dict[str, Any]
            if isinstance(details_item_data, ErrorInfo):
                details_item = details_item_data.to_dict()
            else:
                details_item = details_item_data.to_dict()

            details.append(details_item)

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "code": code,
                "message": message,
                "details": details,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.bad_request import BadRequest  # noqa: PLC0415
        from ..models.error_info import ErrorInfo  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code")

        message = d.pop("message")

        details = []
        _details = d.pop("details")
        for details_item_data in _details:

            def _parse_details_item(data: object) -> BadRequest | ErrorInfo:
                try:
                    if not isinstance(data, dict):
                        raise TypeError()
                    details_item_type_0 = ErrorInfo.from_dict(data)

                    return details_item_type_0
                except (TypeError, ValueError, AttributeError, KeyError):
                    pass
                if not isinstance(data, dict):
                    raise TypeError()
                details_item_type_1 = BadRequest.from_dict(data)

                return details_item_type_1

            details_item = _parse_details_item(details_item_data)

            details.append(details_item)

        error = cls(
            code=code,
            message=message,
            details=details,
        )

        error.additional_properties = d
        return error

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
