import {
  CONTENDERS,
  LINK_NAMES,
  WORKLOADS,
  type ContenderName,
  type LinkName,
  type Workload,
} from './workloads.ts';

/** One measurement: a workload moved once by a contender. */
export interface Turn {
  link: LinkName;
  repeat: number;
  workload: Workload;
  contender: ContenderName;
}

/**
 * What is measured, in order: link by link, and within it each repeat goes through all workloads and contenders, so that
 * whatever changes on the machine meanwhile meets all of them. `only` names links, workloads and contenders; of a kind of
 * which it names none, all are taken.
 */
export function plan(only: readonly string[], repeats: number): Turn[] {
  const links = chosen(LINK_NAMES, only);
  const workloads = WORKLOADS.filter(({ name }) =>
    chosen(
      WORKLOADS.map((one) => one.name),
      only,
    ).includes(name),
  );
  const contenders = chosen(CONTENDERS, only);
  const turns: Turn[] = [];
  for (const link of links)
    for (let repeat = 1; repeat <= repeats; repeat += 1)
      for (const workload of workloads)
        for (const contender of contenders)
          if (workload.links.includes(link) && workload.contenders.includes(contender))
            turns.push({ link, repeat, workload, contender });
  return turns;
}

function chosen<T extends string>(all: readonly T[], only: readonly string[]): readonly T[] {
  const named = all.filter((one) => only.includes(one));
  return named.length === 0 ? all : named;
}
