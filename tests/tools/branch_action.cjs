// What webfactory/create-aws-codedeploy-deployment asks for when it deploys a branch: the group is made or brought up to
// date, the last deployment is looked at, a commit of GitHub is deployed, and again when the group was busy. Prints it.
const { CodeDeploy, waitUntilDeploymentSuccessful } = require("@aws-sdk/client-codedeploy");

const client = new CodeDeploy({ credentials: { accessKeyId: "nobody", secretAccessKey: "knows" } });
const [applicationName, deploymentGroupName, commitId, run] = process.argv.slice(2);
const group = { applicationName, deploymentGroupName };
const settings = {
  serviceRoleArn: "arn:aws:iam::123456789012:role/deploy",
  ec2TagFilters: [{ Key: "role", Value: "web", Type: "KEY_AND_VALUE" }],
  deploymentConfigName: "CodeDeployDefault.AllAtOnce",
};
const busy = /(?:is already deploying|already has an active Deployment) '(d-\w+)'/;

async function makeGroup() {
  try {
    await client.updateDeploymentGroup({ ...settings, applicationName, currentDeploymentGroupName: deploymentGroupName });
    return "updated";
  } catch (error) {
    if (error.name !== "DeploymentGroupDoesNotExistException") throw error;
    await client.createDeploymentGroup({ ...settings, ...group });
    return "created";
  }
}

async function lastRun() {
  const { deploymentGroupInfo } = await client.getDeploymentGroup(group);
  const { deploymentId } = deploymentGroupInfo.lastAttemptedDeployment ?? {};
  if (!deploymentId) return null;
  const { deploymentInfo } = await client.getDeployment({ deploymentId });
  return deploymentInfo.description?.match(/run_number=(\d+)/)?.[1] ?? null;
}

async function ended(deploymentId) {
  try {
    const waited = await waitUntilDeploymentSuccessful({ client, maxWaitTime: 60, minDelay: 1 }, { deploymentId });
    return waited.state;
  } catch (error) {
    return JSON.parse(error.message).state;
  }
}

async function main() {
  const seen = { group: await makeGroup(), lastRun: await lastRun(), waitedFor: [] };
  const revision = { revisionType: "GitHub", gitHubLocation: { commitId, repository: "ann/shop" } };
  const description = run ? `Created by an action (run_number=${run})` : "";
  while (!seen.deploymentId) {
    try {
      seen.deploymentId = (await client.createDeployment({ ...group, description, revision })).deploymentId;
    } catch (error) {
      if (error.name !== "DeploymentLimitExceededException") throw error;
      const [, other] = error.message.match(busy);
      seen.waitedFor.push(other);
      await ended(other);
    }
  }
  return { ...seen, state: await ended(seen.deploymentId) };
}

main().then((seen) => console.log(JSON.stringify(seen)));
