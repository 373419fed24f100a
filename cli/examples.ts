import type { Command } from 'commander';

/** What it does, and the command. */
type Example = readonly [comment: string, line: string];

/** By the words of a command, in the order in which a person meets them. */
const EXAMPLES: Record<string, readonly Example[]> = {
  '': [
    ['two devices and a control plane on this machine', 'drayage lab up'],
    ['run a container', 'drayage compute create --name web --image shop --device d1'],
    ['move it while it is used', 'drayage migrate web --to d2'],
  ],
  'lab up': [
    ['two devices and a control plane; signs the CLI in', 'drayage lab up'],
    ['three devices on slow links', 'drayage lab up --devices 3 --link-mbit 100 --rtt-ms 20'],
    ['fifty that do not exist, to try what needs many', 'drayage lab up --fake 50'],
  ],
  'lab down': [['remove all of it', 'drayage lab down']],
  'lab status': [['where the API is, and what runs', 'drayage lab status']],
  'lab bases': [['once, before applications are built', 'drayage lab bases']],
  'lab exec': [['what Docker runs on a device', 'drayage lab exec d1 -- docker ps']],
  'lab client': [['reach a compute from beside the devices', 'drayage lab client -- ping -c 3 10.77.128.2']],
  'lab kill': [
    ['a loss of power', 'drayage lab kill d1'],
    ['only the worker', 'drayage lab kill d1 --part worker'],
  ],
  'lab start': [['what was killed runs again', 'drayage lab start d1']],
  'lab cut': [
    ['two devices do not reach each other', 'drayage lab cut d1 d2'],
    ['a device does not reach the control plane', 'drayage lab cut d1 control'],
  ],
  'lab loss': [['every hundredth frame is lost', 'drayage lab loss d1 d2 --percent 1']],
  'lab heal': [['all cables are whole again', 'drayage lab heal']],
  register: [
    [
      'an account with a tenant of its own',
      'drayage register --url http://127.0.0.1:7480 --email anna@example.org',
    ],
    [
      'an account in the tenant that invited you',
      'drayage register --email ben@example.org --invitation SECRET',
    ],
  ],
  login: [['asks for the password', 'drayage login --url http://127.0.0.1:7480 --email anna@example.org']],
  'app upload': [
    ['build and run the application in a folder', 'drayage app upload ./shop'],
    ['with another name, on a device of your choice', 'drayage app upload ./shop --name shop2 --device d1'],
  ],
  'app ls': [['all applications', 'drayage app ls']],
  'app show': [['its state and the log of its build', 'drayage app show shop']],
  'compute create': [
    ['run an image', 'drayage compute create --name web --image shop --port 8080:80'],
    [
      'with a limit, files that move with it, and a checkpoint every 10 s on another device',
      'drayage compute create --name db --image redis --memory 256m --volume data:/data --protect 10',
    ],
    [
      "another command than the image's",
      'drayage compute create --name job --image shop --restart no -- /bin/app --once',
    ],
  ],
  'compute ls': [
    ['all computes', 'drayage compute ls'],
    ['those of one label', 'drayage compute ls --label tier=front'],
  ],
  'compute show': [['all that is known of one', 'drayage compute show web']],
  'compute logs': [
    ['the last lines, and all that come', 'drayage compute logs web --tail 20 --follow'],
    ['of the last ten minutes', 'drayage compute logs web --since 10m --timestamps'],
  ],
  'compute exec': [
    ['a shell in it', 'drayage compute exec web -- sh'],
    ['one command, its output for a program', 'drayage compute exec web --no-tty -- cat /etc/hosts'],
  ],
  'compute update': [
    ['more memory, as it runs', 'drayage compute update web --memory 512m'],
    ['a health check', "drayage compute update web --health 'wget -q -O - localhost' --health-interval 30s"],
  ],
  'compute stop': [['stop it; its files stay', 'drayage compute stop web']],
  'compute start': [['run it again', 'drayage compute start web']],
  'compute rm': [['delete it with its files and volumes', 'drayage compute rm web']],
  'compute snapshot create': [
    ['keep its memory and files as they are now', 'drayage compute snapshot create web'],
    ['with a name', "drayage compute snapshot create web --name before-update --note 'version 1.2'"],
  ],
  'compute snapshot ls': [
    ['all snapshots', 'drayage compute snapshot ls'],
    ['those of one compute', 'drayage compute snapshot ls --compute web'],
  ],
  'compute snapshot show': [['all that is known of one', 'drayage compute snapshot show before-update']],
  'compute snapshot restore': [
    ['a second one, as it was then', 'drayage compute snapshot restore before-update --name web2'],
    [
      'on another device, reached by a port',
      'drayage compute snapshot restore before-update --name web2 --device d2 --port 8081:80',
    ],
  ],
  'compute snapshot export': [
    ['to a file', 'drayage compute snapshot export before-update web.tar'],
    ['encrypted', 'drayage compute snapshot export before-update - | age -p > web.tar.age'],
  ],
  'compute snapshot import': [['from a file', 'drayage compute snapshot import web.tar']],
  'compute snapshot rm': [['delete one', 'drayage compute snapshot rm before-update']],
  'image import': [
    ['what Docker has here', 'docker save shop | drayage image import - --name shop'],
    ['a root file system', 'drayage image import root.tar --name shop --cmd /bin/app'],
  ],
  'image pull': [
    ['from a registry', 'drayage image pull registry.example.org/shop/web:1.2'],
    ['under another name', 'drayage image pull registry.example.org/shop/web:1.2 --name web'],
  ],
  'image ls': [['all images', 'drayage image ls']],
  'image rm': [['remove one that no compute uses', 'drayage image rm shop']],
  'registry add': [
    ['asks for the password', 'drayage registry add registry.example.org --username anna'],
    ['from a file', 'drayage registry add registry.example.org --username anna --password-stdin < password'],
  ],
  'registry ls': [['all registries', 'drayage registry ls']],
  'registry rm': [['forget one', 'drayage registry rm registry.example.org']],
  'runtime set': [['build Node.js applications on an image', 'drayage runtime set node node-base']],
  'runtime ls': [['what applications can be built on', 'drayage runtime ls']],
  'group create': [['for computes that belong together', 'drayage group create shop']],
  'group ls': [['with their computes', 'drayage group ls']],
  'group rm': [['delete it when its computes are deleted', 'drayage group rm shop']],
  'volume ls': [["a compute's volumes", 'drayage volume ls --compute web']],
  'volume files': [['what is in a directory', 'drayage volume files vol_4t1k9c2m7q0x /reports']],
  'volume get': [['a file', 'drayage volume get vol_4t1k9c2m7q0x /reports/today.csv > today.csv']],
  'runtime rm': [['build no more of them', 'drayage runtime rm python']],
  migrate: [
    ['what the move would cost', 'drayage migrate web --to d2 --dry-run'],
    ['move it, and watch', 'drayage migrate web --to d2 --watch'],
    ['only when clients wait 200 ms at most', 'drayage migrate web --max-downtime 200'],
  ],
  'migration ls': [
    ['the newest moves', 'drayage migration ls --limit 10'],
    ['those of one compute', 'drayage migration ls --compute web'],
  ],
  'migration show': [
    ['where its time went, or why it was refused', 'drayage migration show mig_4t1k9c2m7q0x'],
  ],
  'migration abort': [['stop it; the compute runs on', 'drayage migration abort mig_4t1k9c2m7q0x']],
  'device token': [
    ['a token for an hour', 'drayage device token'],
    ['of a device that is going to be called roof', 'drayage device token --name roof --label floor=2'],
  ],
  'device join': [
    ['find the control plane and wait for the approval', 'drayage device join'],
    ['join by a token', 'drayage device join --name d1 --control-url https://control:7443 --token drj_TOKEN'],
  ],
  'device approve': [['once you have compared its key', 'drayage device approve d1']],
  'evacuation ls': [['those that have not ended', 'drayage evacuation ls --open']],
  'evacuation show': [['its plan, and how far it is', 'drayage evacuation show eva_0a1b2c3d4e5f']],
  'evacuation pause': [['start no more moves', 'drayage evacuation pause eva_0a1b2c3d4e5f']],
  'evacuation resume': [['go on', 'drayage evacuation resume eva_0a1b2c3d4e5f']],
  'evacuation cancel': [
    ['what moves ends first', 'drayage evacuation cancel eva_0a1b2c3d4e5f'],
    ['what moves is rolled back', 'drayage evacuation cancel eva_0a1b2c3d4e5f --abort'],
  ],
  'evacuation return': [['bring everything back', 'drayage evacuation return eva_0a1b2c3d4e5f --wait']],
  rebalance: [
    ['what would be moved, and what that gains', 'drayage rebalance --dry-run'],
    ['at most ten moves in an hour', 'drayage rebalance --most-per-hour 10'],
  ],
  'schedule ls': [['what begins when', 'drayage schedule ls']],
  'schedule add': [
    [
      'empty a device every Sunday night, for its maintenance',
      "drayage schedule add d1-service --cron '0 3 * * sun' --evacuate d1 --deadline 1h --return-home",
    ],
    [
      'rebalance every night',
      "drayage schedule add nightly --cron '30 2 * * *' --time-zone Europe/Berlin --rebalance",
    ],
  ],
  'schedule rm': [['it begins nothing any more', 'drayage schedule rm nightly']],
  'device ls': [['all devices', 'drayage device ls']],
  'device show': [['its key, what it has, and where it can move computes to', 'drayage device show d1']],
  'device update': [['where it stands', "drayage device update d1 --location 'hall 2' --label floor=1"]],
  'device cordon': [['place nothing more on it', 'drayage device cordon d1']],
  'device uncordon': [['place computes on it again', 'drayage device uncordon d1']],
  'device evacuate': [
    ['what would be moved, where to, and until when', 'drayage device evacuate d1 --dry-run'],
    ['empty it, and wait', 'drayage device evacuate d1 --wait'],
    [
      'within half an hour; what cannot be moved is stopped',
      'drayage device evacuate d1 --deadline 30m --leftovers stop',
    ],
  ],
  'device rm': [['for good', 'drayage device rm d1']],
  'tenant create': [['a tenant that you own', 'drayage tenant create --name shop']],
  'tenant ls': [['those you are a member of', 'drayage tenant ls']],
  'tenant invite': [
    ['prints the secret to join with', 'drayage tenant invite shop --email ben@example.org --role member'],
    ['who was invited', 'drayage tenant invite shop --list'],
  ],
  'tenant join': [['accept an invitation', 'drayage tenant join SECRET']],
  'tenant members': [
    ['who is in it', 'drayage tenant members shop'],
    ['change what somebody may do', 'drayage tenant members shop --set acc_4t1k9c2m7q0x --role viewer'],
  ],
  'tenant quota': [
    ['what it may have and has', 'drayage tenant quota shop'],
    ["change it (the operator's)", 'drayage tenant quota shop --computes 5 --memory 4g'],
  ],
  'tenant rm': [['delete one that is empty', 'drayage tenant rm shop']],
  'token create': [['for a program, for 90 days', 'drayage token create --name ci --expires-in-days 90']],
  'token ls': [['all of yours', 'drayage token ls']],
  'token rm': [['end one', 'drayage token rm tok_4t1k9c2m7q0x']],
  events: [
    ['all that happens', 'drayage events'],
    ['only these, for a program', "drayage events --types 'compute.*,migration.failed' --json"],
  ],
  'webhook add': [
    [
      'have failed moves sent somewhere',
      'drayage webhook add https://example.org/hook --types migration.failed',
    ],
  ],
  'webhook ls': [['all of them, and whether they are taken', 'drayage webhook ls']],
  'webhook rm': [['send no more', 'drayage webhook rm whk_4t1k9c2m7q0x']],
  completion: [
    ['in this shell, at once', 'source <(drayage completion bash)'],
    ['for every bash to come', "echo 'source <(drayage completion bash)' >> ~/.bashrc"],
  ],
};

/** Those of a group of commands are the first ones of its first commands. */
const OF_A_GROUP = 3;

/** The examples of a command, whose words are `path`. */
export function examplesOf(command: Command, path: readonly string[]): readonly Example[] {
  const own = EXAMPLES[path.join(' ')];
  if (own !== undefined) return own;
  return command.commands
    .flatMap((child) => examplesOf(child, [...path, child.name()]).slice(0, 1))
    .slice(0, OF_A_GROUP);
}

/** The words of all commands that there are examples of. */
export function namesWithExamples(): string[] {
  return Object.keys(EXAMPLES);
}

/** The last part of a command's help. */
export function examplesHelp(command: Command, path: readonly string[]): string {
  const lines = examplesOf(command, path).map(([comment, line]) => `  # ${comment}\n  ${line}`);
  return lines.length === 0 ? '' : `\nExamples:\n${lines.join('\n')}`;
}
