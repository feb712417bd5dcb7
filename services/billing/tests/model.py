"""What the ledger ought to do, credit by credit: the model that it is compared with."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class ModelGrant:
    """Credits that came in at once."""

    order: tuple[int, datetime, bool, int]
    amount: int
    begins: datetime
    ends: datetime
    entered: bool = False
    used: int = 0
    expired: int = 0
    revoked: int = 0
    payers: list[int] = field(default_factory=list)
    """Who paid each credit of what is owed for this one."""
    owed_since: datetime | None = None

    @property
    def left(self) -> int:
        """What can be spent."""
        return max(0, self.amount - self.used - self.expired - self.revoked) if self.entered else 0

    @property
    def owed(self) -> int:
        """What was used although its money went back."""
        return max(0, self.revoked + self.used - self.amount)


@dataclass
class Model:
    """One account. Holds are lists with one grant for each credit."""

    grants: list[ModelGrant] = field(default_factory=list)
    holds: dict[str, tuple[list[int], datetime]] = field(default_factory=dict)

    @property
    def available(self) -> int:
        """What can be spent."""
        return sum(grant.left for grant in self.grants)

    @property
    def debt(self) -> int:
        """What is owed."""
        return sum(grant.owed - len(grant.payers) for grant in self.grants)

    def take(self) -> int:
        """Takes one credit in spending order."""
        chosen = min((grant for grant in self.grants if grant.left), key=lambda grant: grant.order)
        chosen.used += 1
        return self.grants.index(chosen)

    def give_back(self, parts: list[int], now: datetime) -> None:
        """Gives credits back to the grants they came from."""
        for index in parts:
            self.grants[index].used -= 1
        self.settle(now)

    def settle(self, now: datetime) -> None:
        """Revoked credits come before expired ones; what was paid beyond what is owed goes back, last first."""
        for grant in self.grants:
            grant.expired = min(grant.expired, max(0, grant.amount - grant.used - grant.revoked))
            grant.owed_since = grant.owed_since or (now if grant.owed else None)
        for grant in self.grants:
            if len(grant.payers) > grant.owed:
                self.give_back([grant.payers.pop()], now)

    def look(self, now: datetime) -> None:
        """Does what is due."""
        waiting = [grant for grant in self.grants if not grant.entered and grant.begins <= now]
        for grant in sorted(waiting, key=lambda each: (each.begins, self.grants.index(each))):
            grant.entered = True
            owing = [each for each in self.grants if each.owed_since]
            for debt in sorted(owing, key=lambda each: (each.owed_since, self.grants.index(each))):
                while grant.left and len(debt.payers) < debt.owed:
                    grant.used += 1
                    debt.payers.append(self.grants.index(grant))
        for name in [name for name, (_, ends) in self.holds.items() if ends <= now]:
            self.give_back(self.holds.pop(name)[0], now)
        for grant in self.grants:
            grant.expired += grant.left if grant.ends <= now else 0
