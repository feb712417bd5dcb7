from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.error import Error
from ...models.receive_cloudinary_notification_body import (
    ReceiveCloudinaryNotificationBody,
)
from ...models.receive_cloudinary_notification_response import (
    ReceiveCloudinaryNotificationResponse,
)
from ...types import UNSET, Unset
from typing import cast


def _get_kwargs(
    *,
    body: ReceiveCloudinaryNotificationBody,
    x_cld_timestamp: str | Unset = UNSET,
    x_cld_signature: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_cld_timestamp, Unset):
        headers["X-Cld-Timestamp"] = x_cld_timestamp

    if not isinstance(x_cld_signature, Unset):
        headers["X-Cld-Signature"] = x_cld_signature

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/images/direct/notification",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | ReceiveCloudinaryNotificationResponse | None:
    if response.status_code == 200:
        response_200 = ReceiveCloudinaryNotificationResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Error.from_dict(response.json())

        return response_400

    if response.status_code == 404:
        response_404 = Error.from_dict(response.json())

        return response_404

    if response.status_code == 413:
        response_413 = Error.from_dict(response.json())

        return response_413

    if response.status_code == 429:
        response_429 = Error.from_dict(response.json())

        return response_429

    if response.status_code == 431:
        response_431 = Error.from_dict(response.json())

        return response_431

    if response.status_code == 500:
        response_500 = Error.from_dict(response.json())

        return response_500

    if response.status_code == 503:
        response_503 = Error.from_dict(response.json())

        return response_503

    if response.status_code == 504:
        response_504 = Error.from_dict(response.json())

        return response_504

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[Error | ReceiveCloudinaryNotificationResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveCloudinaryNotificationBody,
    x_cld_timestamp: str | Unset = UNSET,
    x_cld_signature: str | Unset = UNSET,
) -> Response[Error | ReceiveCloudinaryNotificationResponse]:
    """Cloudinary's notification, whose signature is the permission

    Args:
        x_cld_timestamp (str | Unset):
        x_cld_signature (str | Unset):
        body (ReceiveCloudinaryNotificationBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | ReceiveCloudinaryNotificationResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        x_cld_timestamp=x_cld_timestamp,
        x_cld_signature=x_cld_signature,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveCloudinaryNotificationBody,
    x_cld_timestamp: str | Unset = UNSET,
    x_cld_signature: str | Unset = UNSET,
) -> Error | ReceiveCloudinaryNotificationResponse | None:
    """Cloudinary's notification, whose signature is the permission

    Args:
        x_cld_timestamp (str | Unset):
        x_cld_signature (str | Unset):
        body (ReceiveCloudinaryNotificationBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | ReceiveCloudinaryNotificationResponse
    """

    return sync_detailed(
        client=client,
        body=body,
        x_cld_timestamp=x_cld_timestamp,
        x_cld_signature=x_cld_signature,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveCloudinaryNotificationBody,
    x_cld_timestamp: str | Unset = UNSET,
    x_cld_signature: str | Unset = UNSET,
) -> Response[Error | ReceiveCloudinaryNotificationResponse]:
    """Cloudinary's notification, whose signature is the permission

    Args:
        x_cld_timestamp (str | Unset):
        x_cld_signature (str | Unset):
        body (ReceiveCloudinaryNotificationBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | ReceiveCloudinaryNotificationResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        x_cld_timestamp=x_cld_timestamp,
        x_cld_signature=x_cld_signature,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveCloudinaryNotificationBody,
    x_cld_timestamp: str | Unset = UNSET,
    x_cld_signature: str | Unset = UNSET,
) -> Error | ReceiveCloudinaryNotificationResponse | None:
    """Cloudinary's notification, whose signature is the permission

    Args:
        x_cld_timestamp (str | Unset):
        x_cld_signature (str | Unset):
        body (ReceiveCloudinaryNotificationBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | ReceiveCloudinaryNotificationResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            x_cld_timestamp=x_cld_timestamp,
            x_cld_signature=x_cld_signature,
        )
    ).parsed
