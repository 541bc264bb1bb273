"""Deliberate breakages of budgets."""

from tests.mutations.mutation import Mutation, mutation

PLACES = "functions/store/records/budget_places.py"

BUDGETS: tuple[Mutation, ...] = (
    mutation(
        "a budget gives more places than it has",
        14,
        PLACES,
        'Fewer("held", shard.places)]',
        'Fewer("held", shard.places + 1)]',
    ),
    mutation(
        "a host that failed gives its place of a budget back",
        14,
        PLACES,
        "if target.status is TargetStatus.SUCCEEDED or is_gone:",
        "if target.status is not TargetStatus.SKIPPED or is_gone:",
    ),
)
