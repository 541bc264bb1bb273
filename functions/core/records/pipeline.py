"""Where a deployment comes from when a pipeline asked for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRun:
    """The action of CodePipeline that waits for a deployment; "" for what CodePipeline did not say."""

    pipeline: str = ""
    execution: str = ""
    stage: str = ""
    action: str = ""
    stop_with_pipeline: bool = False  # the deployment stops when somebody abandons the action

    @property
    def name(self) -> str:
        """What people call it.

        >>> PipelineRun(pipeline="shop", execution="e-1").name, PipelineRun().name
        ('pipeline shop, execution e-1', 'a pipeline')
        """
        parts = [f"pipeline {self.pipeline}" if self.pipeline else "a pipeline"]
        return ", ".join([*parts, f"execution {self.execution}"] if self.execution else parts)
