"""What is left at a provider when the worker is dead and nobody wants the picture any more."""

from tests.e2e.crashes.conftest import World
from tests.e2e.crashes.test_failpoints import ended
from tests.e2e.crashes.test_leases import at_work, unfinished
from tests.e2e.fitting import JOBS
from tests.e2e.polling import until


def test_the_run_of_a_dead_workers_job_that_was_canceled_is_deleted_at_its_provider(world: World) -> None:
    patron = world.patron()
    with unfinished(world):
        with world.paused("worker"):
            child, job_id = at_work(world, patron, ENGINES="fal")
            child.kill()
            assert patron.browser.post(f"{JOBS}/{job_id}/cancel").status_code == 200
        ended(world, patron, "canceled")
        shown = world.provider.get("/_sandbox/runs").json()["runs"][-1]
        assert (shown["provider"], shown["deleted"]) == ("fal", False)
        # As if the hour were over.
        world.rows("UPDATE pgqueuer SET execute_after = now() WHERE entrypoint = 'forget_run'")
        until("it is deleted", lambda: world.provider.get("/_sandbox/runs").json()["runs"][-1]["deleted"])
