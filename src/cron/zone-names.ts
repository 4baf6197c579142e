/** Names of time zones: the IANA data's alone. `Intl` takes more: ICU knows `BST` as Dhaka, `AST` as Anchorage. */

/** A zone and its links, its other names; an indented line goes on. The `L` lines of tzdata 2025b, with `backzone`. */
const LINKS = `
Africa/Abidjan Africa/Timbuktu Iceland
Africa/Cairo Egypt
Africa/Nairobi Africa/Asmera
Africa/Tripoli Libya
America/Adak America/Atka US/Aleutian
America/Anchorage US/Alaska
America/Argentina/Buenos_Aires America/Buenos_Aires
America/Argentina/Catamarca America/Argentina/ComodRivadavia America/Catamarca
America/Argentina/Cordoba America/Cordoba America/Rosario
America/Argentina/Jujuy America/Jujuy
America/Argentina/Mendoza America/Mendoza
America/Chicago US/Central
America/Denver America/Shiprock Navajo US/Mountain
America/Detroit US/Michigan
America/Edmonton America/Yellowknife Canada/Mountain
America/Halifax Canada/Atlantic
America/Havana Cuba
America/Indiana/Indianapolis America/Fort_Wayne America/Indianapolis US/East-Indiana
America/Indiana/Knox America/Knox_IN US/Indiana-Starke
America/Iqaluit America/Pangnirtung
America/Jamaica Jamaica
America/Kentucky/Louisville America/Louisville
America/Los_Angeles US/Pacific
America/Manaus Brazil/West
America/Mazatlan Mexico/BajaSur
America/Mexico_City Mexico/General
America/New_York US/Eastern
America/Noronha Brazil/DeNoronha
America/Nuuk America/Godthab
America/Panama America/Coral_Harbour
America/Phoenix US/Arizona
America/Puerto_Rico America/Kralendijk America/Lower_Princes America/Marigot America/St_Barthelemy America/Virgin
America/Regina Canada/Saskatchewan
America/Rio_Branco America/Porto_Acre Brazil/Acre
America/Santiago Chile/Continental
America/Sao_Paulo Brazil/East
America/St_Johns Canada/Newfoundland
America/Tijuana America/Ensenada America/Santa_Isabel Mexico/BajaNorte
America/Toronto America/Montreal America/Nipigon America/Thunder_Bay Canada/Eastern
America/Vancouver Canada/Pacific
America/Whitehorse Canada/Yukon
America/Winnipeg America/Rainy_River Canada/Central
Asia/Ashgabat Asia/Ashkhabad
Asia/Dhaka Asia/Dacca
Asia/Ho_Chi_Minh Asia/Saigon
Asia/Hong_Kong Hongkong
Asia/Jerusalem Asia/Tel_Aviv Israel
Asia/Kathmandu Asia/Katmandu
Asia/Kolkata Asia/Calcutta
Asia/Macau Asia/Macao
Asia/Makassar Asia/Ujung_Pandang
Asia/Nicosia Europe/Nicosia
Asia/Seoul ROK
Asia/Shanghai Asia/Chongqing Asia/Chungking Asia/Harbin PRC
Asia/Singapore Singapore
Asia/Taipei ROC
Asia/Tehran Iran
Asia/Thimphu Asia/Thimbu
Asia/Tokyo Japan
Asia/Ulaanbaatar Asia/Choibalsan Asia/Ulan_Bator
Asia/Urumqi Asia/Kashgar
Asia/Yangon Asia/Rangoon
Atlantic/Faroe Atlantic/Faeroe
Australia/Adelaide Australia/South
Australia/Brisbane Australia/Queensland
Australia/Broken_Hill Australia/Yancowinna
Australia/Darwin Australia/North
Australia/Hobart Australia/Currie Australia/Tasmania
Australia/Lord_Howe Australia/LHI
Australia/Melbourne Australia/Victoria
Australia/Perth Australia/West
Australia/Sydney Australia/ACT Australia/Canberra Australia/NSW
Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/GMT0 Etc/Greenwich GMT GMT+0 GMT-0 GMT0 Greenwich
Etc/UTC Etc/UCT Etc/Universal Etc/Zulu UCT UTC Universal Zulu
Europe/Belgrade Europe/Podgorica
Europe/Berlin Arctic/Longyearbyen Atlantic/Jan_Mayen
Europe/Chisinau Europe/Tiraspol
Europe/Dublin Eire
Europe/Helsinki Europe/Mariehamn
Europe/Istanbul Asia/Istanbul Turkey
Europe/Kyiv Europe/Kiev Europe/Uzhgorod Europe/Zaporozhye
Europe/Lisbon Portugal
Europe/London Europe/Belfast GB GB-Eire
Europe/Moscow W-SU
Europe/Prague Europe/Bratislava
Europe/Rome Europe/San_Marino Europe/Vatican
Europe/Warsaw Poland
Europe/Zurich Europe/Busingen
Pacific/Auckland Antarctica/South_Pole NZ
Pacific/Chatham NZ-CHAT
Pacific/Easter Chile/EasterIsland
Pacific/Guadalcanal Pacific/Ponape
Pacific/Honolulu Pacific/Johnston US/Hawaii
Pacific/Kanton Pacific/Enderbury
Pacific/Kwajalein Kwajalein
Pacific/Pago_Pago Pacific/Samoa US/Samoa
Pacific/Port_Moresby Pacific/Truk Pacific/Yap`;

/** Zones that `Intl` takes and does not list. */
const UNLISTED = `
Africa/Asmara America/Atikokan CET CST6CDT EET EST EST5EDT Etc/GMT+1 Etc/GMT+10 Etc/GMT+11 Etc/GMT+12 Etc/GMT+2
Etc/GMT+3 Etc/GMT+4 Etc/GMT+5 Etc/GMT+6 Etc/GMT+7 Etc/GMT+8 Etc/GMT+9 Etc/GMT-1 Etc/GMT-10 Etc/GMT-11 Etc/GMT-12
Etc/GMT-13 Etc/GMT-14 Etc/GMT-2 Etc/GMT-3 Etc/GMT-4 Etc/GMT-5 Etc/GMT-6 Etc/GMT-7 Etc/GMT-8 Etc/GMT-9 HST MET MST
MST7MDT PST8PDT Pacific/Chuuk Pacific/Pohnpei WET`;

/** What abbreviations mean most often, in lower case. */
const ABBREVIATIONS: Readonly<Record<string, string>> = {
  aest: 'Australia/Sydney',
  ast: 'America/Halifax',
  bst: 'Europe/London',
  cat: 'Africa/Maputo',
  cdt: 'America/Chicago',
  cest: 'Europe/Paris',
  cst: 'America/Chicago',
  eat: 'Africa/Nairobi',
  ect: 'America/Guayaquil',
  edt: 'America/New_York',
  ist: 'Asia/Kolkata',
  jst: 'Asia/Tokyo',
  kst: 'Asia/Seoul',
  mdt: 'America/Denver',
  msk: 'Europe/Moscow',
  nst: 'America/St_Johns',
  nzst: 'Pacific/Auckland',
  pdt: 'America/Los_Angeles',
  prt: 'America/Puerto_Rico',
  pst: 'America/Los_Angeles',
  sast: 'Africa/Johannesburg',
};

interface Names {
  /** By the name in lower case. Zones come before links. */
  readonly spelling: ReadonlyMap<string, string>;
  /** The zone of each link. */
  readonly zones: ReadonlyMap<string, string>;
}

let cached: Names | undefined;

/** Made when the first name is asked for: most starts of ballot ask for none. */
function names(): Names {
  cached ??= readNames();
  return cached;
}

function readNames(): Names {
  const zones = new Map<string, string>();
  const listed = [...Intl.supportedValuesOf('timeZone'), ...UNLISTED.trim().split(/\s+/)];
  for (const line of LINKS.trim().replaceAll('\n  ', ' ').split('\n')) {
    const [zone = '', ...links] = line.split(' ');
    listed.push(zone);
    for (const link of links) zones.set(link, zone);
  }
  const all = [...listed.filter((name) => !zones.has(name)), ...zones.keys()];
  return { spelling: new Map(all.map((name) => [name.toLowerCase(), name])), zones };
}

/** The name as IANA spells it, whatever its case. `undefined`: there is no such name. */
export function ianaName(name: string): string | undefined {
  return names().spelling.get(name.toLowerCase());
}

/** Every name, zones before links. */
export function ianaNames(): Iterable<string> {
  return names().spelling.values();
}

/** Whether both names are the same zone, one of them or both as a link. */
export function isSameZone(a: string, b: string): boolean {
  const zoneOf = (name: string): string => {
    const spelled = ianaName(name) ?? name;
    return names().zones.get(spelled) ?? spelled;
  };
  return zoneOf(a) === zoneOf(b);
}

/** Says that there is no such name, and which one was probably meant. */
export function unknownZone(name: string): string {
  const meant = suggestedZone(name);
  return `unknown time zone ${JSON.stringify(name)}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}

/** The zone that was probably meant by a name that is none. `undefined`: nothing is near. */
export function suggestedZone(name: string): string | undefined {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9/+]/g, '');
  const wanted = plain(name);
  if (wanted === '') return undefined;
  const meant = ABBREVIATIONS[wanted];
  if (meant !== undefined) return meant;
  const city = (text: string): string => text.slice(text.lastIndexOf('/') + 1);
  const all = [...ianaNames()].map((known) => [known, plain(known)] as const);
  const found = all.find(([, known]) => known === wanted) ?? all.find(([, known]) => city(known) === city(wanted));
  return found?.[0] ?? nearestBeginning(wanted, all);
}

/** The end may be misspelled: at least the area, or four letters, and three more letters have to be right. */
function nearestBeginning(
  wanted: string,
  all: readonly (readonly [name: string, plain: string])[],
): string | undefined {
  const least = Math.max(4, wanted.lastIndexOf('/') + 4);
  let best: string | undefined;
  let longest = least - 1;
  for (const [name, plain] of all) {
    let same = 0;
    while (same < plain.length && plain[same] === wanted[same]) same += 1;
    if (same > longest) [best, longest] = [name, same];
  }
  return best;
}
