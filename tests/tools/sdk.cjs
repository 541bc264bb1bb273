// The AWS SDK for JavaScript v3, as it comes: commands, a paginator, the waiter, exceptions. Prints what it saw.
const { CodeDeploy, paginateListDeployments, waitUntilDeploymentSuccessful } = require("@aws-sdk/client-codedeploy");

const client = new CodeDeploy({ credentials: { accessKeyId: "nobody", secretAccessKey: "knows" } });
const web = { applicationName: "shop", deploymentGroupName: "web" };
const bundle = { revisionType: "S3", s3Location: { bucket: "revisions", key: "shop/v1.zip", bundleType: "zip" } };
const wait = { client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };

async function refusal(call) {
  try {
    await call;
  } catch (error) {
    return error.name;
  }
  return null;
}

async function main() {
  const serviceRoleArn = "arn:aws:iam::123456789012:role/deploy";
  await client.createApplication({ applicationName: "shop" });
  await client.createDeploymentGroup({ ...web, serviceRoleArn, ec2TagFilters: [{ Key: "role", Type: "KEY_ONLY" }] });
  const { deploymentId } = await client.createDeployment({ ...web, revision: bundle });
  const waited = await waitUntilDeploymentSuccessful(wait, { deploymentId });
  const { deploymentInfo } = await client.getDeployment({ deploymentId });
  const listed = [];
  for await (const page of paginateListDeployments({ client }, web)) listed.push(...page.deployments);
  return {
    deploymentId,
    listed,
    waited: waited.state,
    status: deploymentInfo.status,
    succeeded: deploymentInfo.deploymentOverview.Succeeded,
    isDate: deploymentInfo.createTime instanceof Date,
    unknown: await refusal(client.getDeployment({ deploymentId: "d-000000009" })),
    again: await refusal(client.createDeploymentGroup({ ...web, serviceRoleArn })),
  };
}

main().then((seen) => console.log(JSON.stringify(seen)));
