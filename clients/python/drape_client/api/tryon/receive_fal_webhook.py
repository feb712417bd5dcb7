from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.error import Error
from ...models.receive_fal_webhook_body import ReceiveFalWebhookBody
from ...models.receive_fal_webhook_response import ReceiveFalWebhookResponse
from ...types import UNSET, Unset
from typing import cast


def _get_kwargs(
    *,
    body: ReceiveFalWebhookBody,
    x_fal_webhook_request_id: str | Unset = UNSET,
    x_fal_webhook_user_id: str | Unset = UNSET,
    x_fal_webhook_timestamp: str | Unset = UNSET,
    x_fal_webhook_signature: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if not isinstance(x_fal_webhook_request_id, Unset):
        headers["X-Fal-Webhook-Request-Id"] = x_fal_webhook_request_id

    if not isinstance(x_fal_webhook_user_id, Unset):
        headers["X-Fal-Webhook-User-Id"] = x_fal_webhook_user_id

    if not isinstance(x_fal_webhook_timestamp, Unset):
        headers["X-Fal-Webhook-Timestamp"] = x_fal_webhook_timestamp

    if not isinstance(x_fal_webhook_signature, Unset):
        headers["X-Fal-Webhook-Signature"] = x_fal_webhook_signature

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/tryon/webhooks/fal",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Error | ReceiveFalWebhookResponse | None:
    if response.status_code == 200:
        response_200 = ReceiveFalWebhookResponse.from_dict(response.json())

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
) -> Response[Error | ReceiveFalWebhookResponse]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveFalWebhookBody,
    x_fal_webhook_request_id: str | Unset = UNSET,
    x_fal_webhook_user_id: str | Unset = UNSET,
    x_fal_webhook_timestamp: str | Unset = UNSET,
    x_fal_webhook_signature: str | Unset = UNSET,
) -> Response[Error | ReceiveFalWebhookResponse]:
    """fal's word that a request has ended, whose signature is the permission

     fal's word that a request has ended, whose signature is the permission. It only says where to look.

    Args:
        x_fal_webhook_request_id (str | Unset):
        x_fal_webhook_user_id (str | Unset):
        x_fal_webhook_timestamp (str | Unset):
        x_fal_webhook_signature (str | Unset):
        body (ReceiveFalWebhookBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | ReceiveFalWebhookResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        x_fal_webhook_request_id=x_fal_webhook_request_id,
        x_fal_webhook_user_id=x_fal_webhook_user_id,
        x_fal_webhook_timestamp=x_fal_webhook_timestamp,
        x_fal_webhook_signature=x_fal_webhook_signature,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveFalWebhookBody,
    x_fal_webhook_request_id: str | Unset = UNSET,
    x_fal_webhook_user_id: str | Unset = UNSET,
    x_fal_webhook_timestamp: str | Unset = UNSET,
    x_fal_webhook_signature: str | Unset = UNSET,
) -> Error | ReceiveFalWebhookResponse | None:
    """fal's word that a request has ended, whose signature is the permission

     fal's word that a request has ended, whose signature is the permission. It only says where to look.

    Args:
        x_fal_webhook_request_id (str | Unset):
        x_fal_webhook_user_id (str | Unset):
        x_fal_webhook_timestamp (str | Unset):
        x_fal_webhook_signature (str | Unset):
        body (ReceiveFalWebhookBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | ReceiveFalWebhookResponse
    """

    return sync_detailed(
        client=client,
        body=body,
        x_fal_webhook_request_id=x_fal_webhook_request_id,
        x_fal_webhook_user_id=x_fal_webhook_user_id,
        x_fal_webhook_timestamp=x_fal_webhook_timestamp,
        x_fal_webhook_signature=x_fal_webhook_signature,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveFalWebhookBody,
    x_fal_webhook_request_id: str | Unset = UNSET,
    x_fal_webhook_user_id: str | Unset = UNSET,
    x_fal_webhook_timestamp: str | Unset = UNSET,
    x_fal_webhook_signature: str | Unset = UNSET,
) -> Response[Error | ReceiveFalWebhookResponse]:
    """fal's word that a request has ended, whose signature is the permission

     fal's word that a request has ended, whose signature is the permission. It only says where to look.

    Args:
        x_fal_webhook_request_id (str | Unset):
        x_fal_webhook_user_id (str | Unset):
        x_fal_webhook_timestamp (str | Unset):
        x_fal_webhook_signature (str | Unset):
        body (ReceiveFalWebhookBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Error | ReceiveFalWebhookResponse]
    """

    kwargs = _get_kwargs(
        body=body,
        x_fal_webhook_request_id=x_fal_webhook_request_id,
        x_fal_webhook_user_id=x_fal_webhook_user_id,
        x_fal_webhook_timestamp=x_fal_webhook_timestamp,
        x_fal_webhook_signature=x_fal_webhook_signature,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient | Client,
    body: ReceiveFalWebhookBody,
    x_fal_webhook_request_id: str | Unset = UNSET,
    x_fal_webhook_user_id: str | Unset = UNSET,
    x_fal_webhook_timestamp: str | Unset = UNSET,
    x_fal_webhook_signature: str | Unset = UNSET,
) -> Error | ReceiveFalWebhookResponse | None:
    """fal's word that a request has ended, whose signature is the permission

     fal's word that a request has ended, whose signature is the permission. It only says where to look.

    Args:
        x_fal_webhook_request_id (str | Unset):
        x_fal_webhook_user_id (str | Unset):
        x_fal_webhook_timestamp (str | Unset):
        x_fal_webhook_signature (str | Unset):
        body (ReceiveFalWebhookBody):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Error | ReceiveFalWebhookResponse
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
            x_fal_webhook_request_id=x_fal_webhook_request_id,
            x_fal_webhook_user_id=x_fal_webhook_user_id,
            x_fal_webhook_timestamp=x_fal_webhook_timestamp,
            x_fal_webhook_signature=x_fal_webhook_signature,
        )
    ).parsed
