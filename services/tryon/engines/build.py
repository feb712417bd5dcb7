"""Makes the engines that the settings name."""

from collections.abc import Callable

from services.kit.database import Database
from services.tryon.budgets import Budgets
from services.tryon.engines.base import Engine
from services.tryon.engines.chain import EngineChain, Limits
from services.tryon.engines.fal import Fal
from services.tryon.engines.fashn import Fashn
from services.tryon.engines.fashn_vton import FashnVton, open_pipeline
from services.tryon.engines.http import ProviderHttp
from services.tryon.engines.news import News
from services.tryon.engines.pace import Pace
from services.tryon.engines.processes import LocalProcesses
from services.tryon.engines.queued import Hears
from services.tryon.engines.replicate import Replicate
from services.tryon.engines.settings import FalSettings
from services.tryon.settings import WorkerSettings


def build_chain(config: WorkerSettings, database: Database, news: News | None = None) -> EngineChain:
    """The chain of the engines in ENGINES, in that order. `news` is told of what their providers say."""
    engines = [_engine(name, config, news) for name in config.engines]
    return EngineChain(engines, config.engine_timeout_seconds, limits_of(config), Budgets(database))


def limits_of(config: WorkerSettings) -> dict[str, Limits]:
    """What each engine may take."""
    # Our own engine is left alone never: it fails over single pictures, and there is seldom another after it.
    local = Limits(config.engine_timeout_seconds, config.local_workers, failures=0)
    return {name: local if name == "local" else config.outside(name).limits for name in config.engines}


def _engine(name: str, config: WorkerSettings, news: News | None) -> Engine:
    url = config.webhook_url(name)
    hears = Hears(url, news) if url and news else None

    def http(base: str) -> ProviderHttp:
        return ProviderHttp(base, https_only=config.environment == "production")

    match name:
        case "fashn":
            own = config.fashn
            key = own.api_key.get_secret_value()
            pace = Pace(poll=own.poll_seconds)
            return Fashn(http(own.api_base), key, pace, return_base64=own.return_base64, moderation=own.moderation)
        case "fal":
            return _fal(config.fal, http, hears)
        case "replicate":
            at = config.replicate
            pace = Pace(poll=at.poll_seconds)
            token = at.api_key.get_secret_value()
            return Replicate(http(at.api_base), token, pace, version=at.version, hears=hears)
        case "vertex":
            return _vertex(config, http(config.vertex.base))
        case "fashn_vton":
            return FashnVton(open_pipeline(config.fashn_vton.weights_dir, config.fashn_vton.device))
        case _:
            return LocalProcesses(config.model_dir, config.local_workers, config.local_threads)


def _fal(own: FalSettings, http: Callable[[str], ProviderHttp], hears: Hears | None) -> Engine:
    admin_key = own.admin_key.get_secret_value()
    return Fal(
        http(own.api_base),
        own.api_key.get_secret_value(),
        Pace(poll=own.poll_seconds),
        moderation=own.moderation,
        platform=http(own.platform_base) if admin_key else None,
        admin_key=admin_key,
        hears=hears,
    )


def _vertex(config: WorkerSettings, http: ProviderHttp) -> Engine:
    # Google's libraries take half a second to import, which only those who use them should wait for.
    from services.tryon.engines.vertex import GoogleToken, Vertex

    own = config.vertex
    return Vertex(http, GoogleToken(own.credentials_file), own.project, own.location)
