/**
 * Id of the workflows that change a compute: everything that does has the same one, so that one thing happens at a time, to it
 * and to all that move with it. A lone compute's is its own, that of a group that somebody made is the group's.
 */
export function workflowIdOf({
  id,
  groupId,
  groupName,
}: {
  id: string;
  groupId: string;
  groupName: string | null;
}): string {
  return groupName === null ? id : groupId;
}
