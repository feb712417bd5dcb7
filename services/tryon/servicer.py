"""The RPCs of the try-on service."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

import grpc
from drape.tryon.v1 import tryon_pb2 as pb
from drape.tryon.v1 import tryon_pb2_grpc
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.json_format import MessageToJson
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.http import NO_STORE, metadata_of, respond
from services.kit.identity import caller
from services.kit.rpc import Context
from services.tryon.engines.base import Options
from services.tryon.generation import Generation, Request
from services.tryon.jobs import FIELDS, JobRow, Jobs
from services.tryon.peers import StoredImage
from services.tryon.webhooks import Webhooks

SERVICE = pb.DESCRIPTOR.services_by_name["TryonService"].full_name
PUBLIC = frozenset({f"{SERVICE}/ReceiveReplicateWebhook", f"{SERVICE}/ReceiveFalWebhook"})
_DEFAULT_PAGE = 20
_EVENT_SECONDS = 2.0
"""How often a queued job's position is looked up for those who watch it."""
_STATUS = {
    "created": "queued",
    "held": "queued",
    "running": "running",
    "stored": "running",
    "releasing": "running",
}


class TryonServicer(tryon_pb2_grpc.TryonServiceServicer):
    """Proto in, one call, proto out."""

    def __init__(self, generation: Generation, jobs: Jobs, webhooks: Webhooks) -> None:
        self._generation = generation
        self._jobs = jobs
        self._webhooks = webhooks

    async def Generate(self, request: pb.GenerateRequest, context: Context) -> pb.GenerateResponse:
        me = caller(context)
        job, images = await self._generation.generate(me.user_id, _request(request.spec, context))
        message = _job(job, images)
        done = job.state == "succeeded"
        await respond(context, None if done else 202, (NO_STORE,))
        return pb.GenerateResponse(
            message="Try-on generated successfully" if done else "The try-on is still being made",
            image=message.image if message.HasField("image") else None,
            credits_remaining=job.credits_remaining or 0,
            job=message,
        )

    async def CreateJob(self, request: pb.CreateJobRequest, context: Context) -> pb.CreateJobResponse:
        me = caller(context)
        job = await self._generation.start(me.user_id, _request(request.spec, context))
        images = await self._generation.images(me.user_id, [job])
        await respond(context, 202)
        return pb.CreateJobResponse(job=_job(job, images))

    async def GetJob(self, request: pb.GetJobRequest, context: Context) -> pb.GetJobResponse:
        me = caller(context)
        job = await self._jobs.get(me.user_id, request.id)
        return pb.GetJobResponse(job=await self._message(me.user_id, job))

    async def CancelJob(self, request: pb.CancelJobRequest, context: Context) -> pb.CancelJobResponse:
        job = await self._generation.cancel(caller(context).user_id, request.id)
        return pb.CancelJobResponse(job=_job(job, {}))

    async def WatchJob(self, request: pb.WatchJobRequest, context: Context) -> AsyncIterator[HttpBody]:
        me = caller(context)
        seen = metadata_of(context).get("last-event-id", "")
        changes = self._jobs.changes(me.user_id, request.id, _EVENT_SECONDS)
        first = await anext(changes)  # a job that is not there is a 404, not a stream
        await respond(context, headers=(NO_STORE, ("x-accel-buffering", "no")))
        shown = b""
        async for job in _chained(first, changes):
            message = await self._message(me.user_id, job)
            version = f"{job.version}.{message.queue_position}"
            before, shown = shown, message.SerializeToString(deterministic=True)
            # Not every change of the row is one that a person sees; what is left of it keeps the connection alive.
            yield _event("" if version == seen or shown == before else _data(version, message))
            seen = version

    async def _message(self, user_id: str, job: JobRow) -> pb.Job:
        message = _job(job, await self._generation.images(user_id, [job]))
        if message.status == "queued":
            message.queue_position = await self._jobs.position(job)
        return message

    async def ListJobs(self, request: pb.ListJobsRequest, context: Context) -> pb.ListJobsResponse:
        me = caller(context)
        size = request.page_size if request.HasField("page_size") else _DEFAULT_PAGE
        jobs, token = await self._jobs.page(me.user_id, size, request.page_token)
        images = await self._generation.images(me.user_id, list(jobs))
        return pb.ListJobsResponse(jobs=[_job(job, images) for job in jobs], next_page_token=token)

    async def CheckImages(self, request: pb.CheckImagesRequest, context: Context) -> pb.CheckImagesResponse:
        problems = await self._generation.check(
            caller(context).user_id, request.person_image_id, request.outfit_image_id
        )
        return pb.CheckImagesResponse(
            ok=not problems,
            problems=[
                pb.Problem(field=FIELDS[item.which], reason=item.reason, message=item.message, box=item.box or ())
                for item in problems
            ],
        )

    async def ReceiveReplicateWebhook(
        self, request_iterator: AsyncIterator[HttpBody], context: Context
    ) -> pb.ReceiveReplicateWebhookResponse:
        await self._webhooks.receive("replicate", metadata_of(context), _parts(request_iterator))
        return pb.ReceiveReplicateWebhookResponse(received=True)

    async def ReceiveFalWebhook(
        self, request_iterator: AsyncIterator[HttpBody], context: Context
    ) -> pb.ReceiveFalWebhookResponse:
        await self._webhooks.receive("fal", metadata_of(context), _parts(request_iterator))
        return pb.ReceiveFalWebhookResponse(received=True)

    def register(self, server: grpc.aio.Server) -> Iterable[str]:
        """Adds the service to the server."""
        tryon_pb2_grpc.add_TryonServiceServicer_to_server(self, server)
        return (SERVICE,)


async def _parts(request: AsyncIterator[HttpBody]) -> AsyncIterator[bytes]:
    async for body in request:
        yield body.data


async def _chained(first: JobRow, rest: AsyncIterator[JobRow]) -> AsyncIterator[JobRow]:
    yield first
    async for job in rest:
        yield job


def _data(version: str, job: pb.Job) -> str:
    """A server-sent event. Its id lets a browser that reconnects be told only what it has not seen."""
    return f"id: {version}\ndata: {_json(pb.GetJobResponse(job=job))}\n\n"


def _json(message: pb.GetJobResponse) -> str:
    return MessageToJson(message, indent=None, always_print_fields_with_no_presence=True)


def _event(text: str) -> HttpBody:
    return HttpBody(content_type="text/event-stream", data=(text or ": still here\n\n").encode())


def _request(spec: pb.TryonSpec, context: Context) -> Request:
    options = Options(
        category=spec.category or "auto",
        garment_photo_type=spec.garment_photo_type or "auto",
        mode=spec.mode or "balanced",
        seed=spec.seed,
        output_format=spec.output_format or "jpeg",
    )
    key = metadata_of(context).get("idempotency-key", "")
    return Request(spec.person_image_id, spec.outfit_image_id, options, key)


def _job(job: JobRow, images: dict[str, StoredImage]) -> pb.Job:
    """The job as the contract shows it."""
    message = pb.Job(
        id=job.id,
        status=_STATUS.get(job.state, job.state),
        stage=job.stage,
        progress=job.progress,
        engine=job.engine,
        person_image_id=job.person_image_id,
        outfit_image_id=job.outfit_image_id,
        created_at=_stamp(job.created_at),
        score=job.score,
    )
    if job.finished_at:
        message.finished_at.CopyFrom(_stamp(job.finished_at))
    if image := images.get(job.image_id or ""):
        shown = pb.GeneratedImage(id=image.id, url=image.url, created_at=_stamp(image.created_at))
        message.image.CopyFrom(shown)
    if job.state in ("failed", "canceled"):
        reason, sentence = job.error_reason or "", job.error_message or ""
        error = pb.JobError(reason=reason, message=sentence, field=job.error_field, box=job.error_box or ())
        message.error.CopyFrom(error)
    return message


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
