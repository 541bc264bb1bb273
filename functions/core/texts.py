"""Sentences that must read as CodeDeploy's, because people and programs know them.

Source: messages of the service as observed on real topics.
"""


def subject(status: str, deployment_id: str, region: str, application_or_instance: str) -> str:
    """Subject of an SNS trigger message; SNS allows at most 100 ASCII characters.

    >>> subject("FAILED", "d-A1B2C3111", "eu-west-1", "shop")
    'FAILED: AWS CodeDeploy d-A1B2C3111 in eu-west-1 to shop'
    """
    text = f"{status}: AWS CodeDeploy {deployment_id} in {region} to {application_or_instance}"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)[:100]
