"""pipeline_job: a pipeline's action wants something deployed, and waits for its end.

Called by CodePipeline's Lambda invoke action, again after each renewal. A repeat finds the deployment of the first
call. What is wrong with the request is the job's answer; what AWS prevents now Lambda tries again. The event holds
credentials: it is neither logged nor kept.
"""

from typing import Any

from functions.api.requests import pipeline as requests
from functions.aws import aside
from functions.aws.code import codepipeline
from functions.core.errors import InvalidInput
from functions.core.messages import pipeline_result
from functions.engine import pipeline
from functions.telemetry import logger


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> None:
    job = requests.job(event)
    logger.append_keys(job_id=job.job_id)
    try:
        if job.continuation:
            pipeline.go_on(job.job_id, job.continuation)
        else:
            deployment_id = pipeline.begin(job.job_id, requests.wanted(job))
            logger.info("a pipeline waits", deployment_id=deployment_id)
    except InvalidInput as error:
        logger.info("refused", reason=str(error))
        codepipeline.fail(job.job_id, pipeline_result.refused(error))
    except Exception as error:
        if not aside.is_hopeless(error):
            raise
        logger.exception("a job can never be done")
        codepipeline.fail(job.job_id, pipeline_result.broken(error))
