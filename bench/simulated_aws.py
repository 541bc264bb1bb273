"""AWS as Prepare meets it, put behind boto3's clients: they sign, send and parse as ever, only the network is this.

Latencies are those of a usual day; nothing is throttled. Calls are counted by operation.
"""

import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from urllib3 import HTTPResponse

from functions.core.new_deployment import new_deployment
from functions.core.records import Deployment, Group, GroupSettings, Host, Revision, TagFilter, TagGroup
from functions.core.statuses import BundleType, TargetStatus
from functions.core.text.shapes import to_plain
from functions.store.keys import deployment_key, group_item_key, host_key
from functions.store.table.wire import to_wire
from local.bundles import webapp

_SECONDS = {
    "DescribeInstances": 0.3,
    "DescribeInstanceInformation": 0.1,
    "BatchExecuteStatement": 0.02,
    "BatchGetItem": 0.01,
    "GetItem": 0.005,
    "Query": 0.005,
    "TransactWriteItems": 0.02,
    "UpdateItem": 0.005,
    "HeadObject": 0.02,
    "GetObject": 0.03,
    "PutObject": 0.05,
}


_BEFORE = "d-000000000"
_HOSTS_A_PAGE = 5000  # of 200 bytes: a megabyte
_TAGS = TagGroup(filters=(TagFilter(key="role", value="web"),))
_GROUP = Group(application="shop", name="web", group_id="0" * 36, settings=GroupSettings(tag_groups=(_TAGS,)))


class SimulatedAws:
    """A fleet, a table with one deployment that waits for Prepare, a bucket with its revision."""

    def __init__(self, targets: int, *, are_installed: bool = False) -> None:
        """`are_installed`: an earlier deployment has brought the hosts a revision."""
        self._are_installed = are_installed
        self.deployment_id = "d-BENCHMARK"
        self.calls: Counter[str] = Counter()
        self.records = self.manifest_bytes = self.item_bytes = self.plan_bytes = 0
        self._ids = [f"i-{number:017x}" for number in range(targets)]
        self._archive = webapp("v1")
        self.cpu_seconds = 0.0  # spent here, not by Prepare
        self._lock = Lock()
        boto3.setup_default_session()
        events: Any = boto3.DEFAULT_SESSION and boto3.DEFAULT_SESSION.events
        events.register("before-send", self._send)

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        began, operation = time.thread_time(), event_name.rpartition(".")[2]
        time.sleep(_SECONDS[operation])
        answers: dict[str, Callable[[AWSPreparedRequest], tuple[bytes, dict[str, str]]]] = {
            "BatchGetItem": self._brought,
            "DescribeInstances": self._instances,
            "DescribeInstanceInformation": self._information,
            "BatchExecuteStatement": self._write,
            "GetItem": self._deployment,
            "Query": self._query,
            "TransactWriteItems": self._note_plan,
            "UpdateItem": lambda _: (b"{}", {}),
            "HeadObject": lambda _: (b"", self._object),
            "GetObject": lambda _: (self._archive, self._object),
            "PutObject": self._put,
        }
        body, headers = answers[operation](request)
        raw = HTTPResponse(io.BytesIO(body), preload_content=False)
        sent = HTTPHeaders.from_dict({"content-length": str(len(body)), **headers})
        with self._lock:
            self.calls[operation] += 1
            self.cpu_seconds += time.thread_time() - began
        return AWSResponse(request.url, 200, sent, raw)

    # -- DynamoDB

    def _deployment(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        key = json.loads(_body(request))["Key"]
        if key == to_wire(group_item_key("shop", "web").item):
            item = to_wire({**group_item_key("shop", "web").item, **to_plain(_GROUP)})
            return json.dumps({"Item": item}).encode(), {}
        if key != to_wire(deployment_key(self.deployment_id).item):
            return b"{}", {}  # nobody else prepares it
        item = to_wire({**deployment_key(self.deployment_id).item, **to_plain(self._created)})
        return json.dumps({"Item": item}).encode(), {}

    @property
    def _created(self) -> Deployment:
        revision = Revision(bucket="revisions", key="shop/web/v1.zip", bundle_type=BundleType.ZIP, version="1")
        return new_deployment(
            _GROUP, revision, deployment_id=self.deployment_id, now="2026-01-01T00:00:00.000Z", requested_by="bench"
        )

    def _brought(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        """The deployment of which hosts have their revision."""
        item = to_wire({**deployment_key(_BEFORE).item, **to_plain(replace(self._created, deployment_id=_BEFORE))})
        return json.dumps({"Responses": {"stepdeploy": [item]}}).encode(), {}

    def _query(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        """What hosts have, if they have anything; of all else there is nothing."""
        asked = json.loads(_body(request))
        is_hosts = f"HOSTS#{_GROUP.group_id}" in json.dumps(asked["ExpressionAttributeValues"])
        if not (is_hosts and self._are_installed):
            return b'{"Items": []}', {}
        after = asked.get("ExclusiveStartKey", {}).get("sk", {}).get("S", "")
        left = [each for each in self._ids if f"HOST#{each}" > after]
        page = [to_wire(_host(each)) for each in left[:_HOSTS_A_PAGE]]
        more = {"LastEvaluatedKey": {name: page[-1][name] for name in ("pk", "sk")}} if len(left) > len(page) else {}
        return json.dumps({"Items": page, **more}).encode(), {}

    def _note_plan(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        self.plan_bytes = max(self.plan_bytes, len(_body(request)))
        return b"{}", {}

    def _write(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        statements = json.loads(_body(request))["Statements"]
        if len(statements) > 25:
            raise ValueError(f"BatchExecuteStatement takes 25 statements, not {len(statements)}")
        targets = [each for each in statements if "target_id" in each["Statement"]]
        with self._lock:
            self.records += len(targets)
            if targets:
                self.item_bytes = len(json.dumps(targets[0]["Parameters"], separators=(",", ":")))
        return json.dumps({"Responses": [{}] * len(statements)}).encode(), {}

    # -- the fleet

    def _instances(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        asked = parse_qs(_body(request))
        size, start = min(int(asked["MaxResults"][0]), 1000), int(asked.get("NextToken", ["0"])[0])
        end = start + size
        reservations = "".join(_reservation(instance_id) for instance_id in self._ids[start:end])
        following = f"<nextToken>{end}</nextToken>" if end < len(self._ids) else ""
        page = (
            '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<reservationSet>{reservations}</reservationSet>{following}</DescribeInstancesResponse>"
        )
        return page.encode(), {"content-type": "text/xml"}

    def _information(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        (wanted,) = json.loads(_body(request))["Filters"]
        if len(wanted["Values"]) > 50:
            raise ValueError(f"a page of DescribeInstanceInformation has 50 instances, not {len(wanted['Values'])}")
        hosts = [
            {
                "InstanceId": instance_id,
                "PingStatus": "Online",
                "LastPingDateTime": 1767225600.0,
                "AgentVersion": "3.3.2299.0",
                "IsLatestVersion": True,
                "PlatformType": "Linux",
                "PlatformName": "Amazon Linux",
                "PlatformVersion": "2023",
                "ResourceType": "EC2Instance",
                "IPAddress": "10.0.0.1",
                "ComputerName": f"{instance_id}.eu-central-1.compute.internal",
            }
            for instance_id in wanted["Values"]
        ]
        return json.dumps({"InstanceInformationList": hosts}).encode(), {}

    # -- S3

    @property
    def _object(self) -> dict[str, str]:
        etag = hashlib.md5(self._archive).hexdigest()
        return {"content-length": str(len(self._archive)), "etag": f'"{etag}"', "x-amz-version-id": "1"}

    def _put(self, request: AWSPreparedRequest) -> tuple[bytes, dict[str, str]]:
        if not urlsplit(request.url).path.endswith(f"/manifests/{self.deployment_id}/0.json"):
            raise ValueError(f"no manifest: {request.url}")
        length = request.headers.get("X-Amz-Decoded-Content-Length") or request.headers["Content-Length"]
        self.manifest_bytes = int(length)
        return b"", {"etag": '"0"'}


def _host(instance_id: str) -> dict[str, Any]:
    host = Host(
        target_id=instance_id,
        deployment_id=_BEFORE,
        status=TargetStatus.SUCCEEDED,
        since="2026-01-01T00:00:00.000Z",
    )
    return {**host_key(_GROUP.group_id, instance_id).item, **to_plain(host)}


def _body(request: AWSPreparedRequest) -> str:
    body = request.body
    if isinstance(body, str):
        return body
    if isinstance(body, bytes | bytearray):
        return body.decode()
    raise TypeError(f"a body of {type(body).__name__}")


def _reservation(instance_id: str) -> str:
    """One instance with the parts that make EC2's answers long: some 3 KB."""
    tags = {"Name": f"web-{instance_id[-5:]}", "role": "web", "stepdeploy": "enabled"}
    tags |= {f"tag-{number}": "some value that somebody gave it" for number in range(7)}
    tag_set = "".join(f"<item><key>{key}</key><value>{value}</value></item>" for key, value in tags.items())
    group = "<item><groupId>sg-0123456789abcdef0</groupId><groupName>web</groupName></item>"
    volume = (
        "<volumeId>vol-0123456789abcdef0</volumeId><status>attached</status>"
        "<attachTime>2026-01-01T00:00:00.000Z</attachTime><deleteOnTermination>true</deleteOnTermination>"
    )
    return f"""<item><reservationId>r-{instance_id[2:]}</reservationId><ownerId>000000000000</ownerId><groupSet/>
<instancesSet><item><instanceId>{instance_id}</instanceId><imageId>ami-0123456789abcdef0</imageId>
<instanceState><code>16</code><name>running</name></instanceState>
<privateDnsName>ip-10-0-0-1.eu-central-1.compute.internal</privateDnsName><dnsName/><reason/><keyName>web</keyName>
<amiLaunchIndex>0</amiLaunchIndex><productCodes/><instanceType>t4g.small</instanceType>
<launchTime>2026-01-01T00:00:00.000Z</launchTime>
<placement><availabilityZone>eu-central-1a</availabilityZone><groupName/><tenancy>default</tenancy></placement>
<monitoring><state>disabled</state></monitoring><subnetId>subnet-0123456789abcdef0</subnetId>
<vpcId>vpc-0123456789abcdef0</vpcId><privateIpAddress>10.0.0.1</privateIpAddress>
<sourceDestCheck>true</sourceDestCheck><groupSet>{group}</groupSet><architecture>arm64</architecture>
<rootDeviceType>ebs</rootDeviceType><rootDeviceName>/dev/xvda</rootDeviceName>
<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>{volume}</ebs></item></blockDeviceMapping>
<virtualizationType>hvm</virtualizationType><clientToken>00000000-0000-0000-0000-000000000000</clientToken>
<tagSet>{tag_set}</tagSet><hypervisor>xen</hypervisor>
<networkInterfaceSet><item><networkInterfaceId>eni-0123456789abcdef0</networkInterfaceId>
<subnetId>subnet-0123456789abcdef0</subnetId><vpcId>vpc-0123456789abcdef0</vpcId><description/>
<ownerId>000000000000</ownerId><status>in-use</status><macAddress>02:00:00:00:00:01</macAddress>
<privateIpAddress>10.0.0.1</privateIpAddress><sourceDestCheck>true</sourceDestCheck><groupSet>{group}</groupSet>
<attachment><attachmentId>eni-attach-0123456789abcdef0</attachmentId><deviceIndex>0</deviceIndex>
<status>attached</status><attachTime>2026-01-01T00:00:00.000Z</attachTime>
<deleteOnTermination>true</deleteOnTermination><networkCardIndex>0</networkCardIndex></attachment>
<privateIpAddressesSet><item><privateIpAddress>10.0.0.1</privateIpAddress><primary>true</primary></item>
</privateIpAddressesSet><ipv6AddressesSet/><interfaceType>interface</interfaceType></item></networkInterfaceSet>
<iamInstanceProfile><arn>arn:aws:iam::000000000000:instance-profile/web</arn><id>AIPA0123456789ABCDEFG</id>
</iamInstanceProfile><ebsOptimized>true</ebsOptimized><enaSupport>true</enaSupport>
<cpuOptions><coreCount>2</coreCount><threadsPerCore>1</threadsPerCore></cpuOptions>
<capacityReservationSpecification><capacityReservationPreference>open</capacityReservationPreference>
</capacityReservationSpecification><hibernationOptions><configured>false</configured></hibernationOptions>
<metadataOptions><state>applied</state><httpTokens>required</httpTokens><httpPutResponseHopLimit>2
</httpPutResponseHopLimit><httpEndpoint>enabled</httpEndpoint></metadataOptions>
<platformDetails>Linux/UNIX</platformDetails><usageOperation>RunInstances</usageOperation></item></instancesSet></item>"""
