from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ...client import AuthenticatedClient, Client
from ...types import Response, UNSET
from ... import errors

from ...models.create_direct_upload_request import CreateDirectUploadRequest
from ...models.create_direct_upload_response import CreateDirectUploadResponse
from ...models.error import Error
from typing import cast


def _get_kwargs(
    *,
    body: CreateDirectUploadRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/images/direct",
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> CreateDirectUploadResponse | Error | None:
    if response.status_code == 200:
        response_200 = CreateDirectUploadResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = Error.from_dict(response.json())

        return response_400

    if response.status_code == 401:
        response_401 = Error.from_dict(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = Error.from_dict(response.json())

        return response_403

    if response.status_code == 413:
        response_413 = Error.from_dict(response.json())

        return response_413

    if response.status_code == 415:
        response_415 = Error.from_dict(response.json())

        return response_415

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
) -> Response[CreateDirectUploadResponse | Error]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateDirectUploadRequest,
) -> Response[CreateDirectUploadResponse | Error]:
    """Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL

     Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL. The picture is checked when Cloudinary says that it has it, and appears in the
    gallery then.

    Args:
        body (CreateDirectUploadRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreateDirectUploadResponse | Error]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CreateDirectUploadRequest,
) -> CreateDirectUploadResponse | Error | None:
    """Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL

     Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL. The picture is checked when Cloudinary says that it has it, and appears in the
    gallery then.

    Args:
        body (CreateDirectUploadRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreateDirectUploadResponse | Error
    """

    return sync_detailed(
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateDirectUploadRequest,
) -> Response[CreateDirectUploadResponse | Error]:
    """Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL

     Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL. The picture is checked when Cloudinary says that it has it, and appears in the
    gallery then.

    Args:
        body (CreateDirectUploadRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[CreateDirectUploadResponse | Error]
    """

    kwargs = _get_kwargs(
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CreateDirectUploadRequest,
) -> CreateDirectUploadResponse | Error | None:
    """Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL

     Lets the browser send one picture straight to Cloudinary: a form with these fields and the file,
    posted to the URL. The picture is checked when Cloudinary says that it has it, and appears in the
    gallery then.

    Args:
        body (CreateDirectUploadRequest):

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        CreateDirectUploadResponse | Error
    """

    return (
        await asyncio_detailed(
            client=client,
            body=body,
        )
    ).parsed
