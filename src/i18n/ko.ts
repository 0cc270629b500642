import { PINS, TEXT_LENGTH, TRASH_DAYS } from '../memo/bounds.ts';
import { formatCount } from './number.ts';

const CHARACTERS = formatCount(TEXT_LENGTH);

/** The units of relative times. */
export type TimeUnit = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';

/** Relative times in a language. */
interface RelativeTimes {
  now: string;
  past(count: number, unit: TimeUnit): string;
  future(count: number, unit: TimeUnit): string;
  /** times with a name of their own, by count and unit: `-1 day` is yesterday */
  names: Record<string, string>;
}

const KOREAN_UNITS = {
  minute: '분',
  hour: '시간',
  day: '일',
  week: '주',
  month: '개월',
  year: '년',
};

/** All texts of the pages in Korean. The other languages have the same keys. */
export const ko = {
  title: '메모',
  tagline: '적어 두면, 어느 기기에서든 다시 찾습니다.',
  login: '네이버 로그인',
  severalLogins:
    '이 브라우저에 로그인 쿠키가 여러 개 있어, 어느 계정의 메모인지 알 수 없습니다. 브라우저 설정에서 이 사이트의 쿠키를 삭제하거나 다시 로그인해 주세요.',
  logout: '로그아웃',
  skip: '본문으로 건너뛰기',
  greeting: (name: string) => `${name}님의 메모`,
  member: '회원',
  newMemo: '새 메모',
  placeholder: '무엇이든 적어 보세요',
  save: '저장',
  cancel: '취소',
  memos: '메모',
  pinned: '고정한 메모',
  empty: '아직 메모가 없습니다. 첫 메모를 적어 보세요.',
  noMore: '더 오래된 메모가 없습니다.',
  older: '이전 메모 더 보기',
  newest: '최신 메모로',
  edit: '수정',
  editMemo: '메모 수정',
  edited: '수정:',
  deleted: '삭제:',
  more: (lines: number) => `${lines}줄 더 보기`,
  search: '메모 검색',
  searchButton: '검색',
  clearSearch: '검색 지우기',
  found: (q: string) => `“${q}” 검색 결과`,
  nothingFound: '찾는 메모가 없습니다. 초성(ㅈㅂㄱ)으로도 찾을 수 있습니다.',
  trash: '휴지통',
  trashHint: `삭제한 메모는 ${TRASH_DAYS}일 동안 여기에 있다가 사라집니다.`,
  trashEmpty: '휴지통이 비어 있습니다.',
  emptyTrash: '휴지통 비우기',
  emptyConfirm: (count: number) => `메모 ${count}개를 완전히 삭제할까요? 되돌릴 수 없습니다.`,
  saved: '저장했습니다.',
  restored: '메모를 되돌렸습니다.',
  purged: '완전히 삭제했습니다.',
  purgeConfirm: '이 메모를 완전히 삭제할까요? 되돌릴 수 없습니다.',
  pinDone: '메모를 고정했습니다.',
  unpinDone: '고정을 해제했습니다.',
  copy: '복사',
  close: '닫기',
  keepTheirs: '저장된 글 그대로 두기',
  keys: '단축키',
  keyNames: {
    search: '검색',
    new: '새 메모',
    move: '다음 메모, 이전 메모',
    edit: '수정',
    remove: '삭제',
    pin: '고정',
    copy: '복사',
    undo: '삭제 되돌리기',
    save: '저장',
    cancel: '수정 취소',
    help: '단축키 보기',
  },
  /** texts of the browser's script */
  script: {
    retrying: '아직 저장하지 못했습니다. 쓴 글은 이 기기에 있고, 연결되면 다시 보냅니다.',
    offline: '연결되지 않았습니다. 잠시 후 다시 시도해 주세요.',
    discard: '고친 내용을 버릴까요?',
    discardAll: '저장하지 않은 글이 있습니다. 로그아웃하면 사라집니다. 로그아웃할까요?',
    resume: '이어서 수정',
    unfinished: '저장하지 않은 수정이 있습니다.',
    orphaned: '그사이 메모가 삭제되었습니다. 쓰던 글은 새 메모에 있습니다.',
    copied: '복사했습니다.',
    notCopied: '복사하지 못했습니다.',
  },
  restore: '복원',
  purge: '완전히 삭제',
  theme: '화면 테마',
  themes: { auto: '자동', light: '밝게', dark: '어둡게' },
  language: '언어',
  remove: '삭제',
  removed: '메모를 삭제했습니다.',
  undo: '되돌리기',
  sessions: '로그인한 기기',
  sessionsHint: '모르는 기기가 있으면 로그아웃하세요.',
  thisBrowser: '지금 이 브라우저',
  unknownBrowser: '알 수 없는 브라우저',
  began: '로그인:',
  used: '마지막 사용:',
  logoutAll: '모든 기기에서 로그아웃',
  pin: '고정',
  unpin: '고정 해제',
  yourText: '내가 쓴 글',
  theirText: '지금 저장되어 있는 글',
  saveAgain: '다시 저장',
  overwrite: '내 글로 저장',
  back: '메모로 돌아가기',
  loginInNewTab: '새 탭에서 네이버 로그인',
  textKept: '쓰던 글은 아래에 그대로 있습니다.',
  requestId: '요청 번호',
  relative: {
    now: '지금',
    past: (count, unit) => `${count}${KOREAN_UNITS[unit]} 전`,
    future: (count, unit) => `${count}${KOREAN_UNITS[unit]} 후`,
    names: {
      '-2 day': '그저께',
      '-1 day': '어제',
      '1 day': '내일',
      '2 day': '모레',
      '-1 week': '지난주',
      '1 week': '다음 주',
      '-1 month': '지난달',
      '1 month': '다음 달',
      '-1 year': '작년',
      '1 year': '내년',
    },
  } as RelativeTimes,
  problems: {
    'bad-request': ['요청을 이해할 수 없습니다', '주소나 보낸 내용을 확인해 주세요.'],
    'bad-path': ['주소가 올바르지 않습니다', '주소를 다시 확인해 주세요.'],
    'not-found': ['찾을 수 없습니다', '주소가 바뀌었거나 삭제된 메모일 수 있습니다.'],
    'method-not-allowed': ['지원하지 않는 요청입니다', '메모 화면에서 다시 시도해 주세요.'],
    'task-changed': [
      '그사이 다른 곳에서 메모가 수정되었습니다',
      '체크하지 않았습니다. 메모로 돌아가 지금의 글에서 다시 체크해 주세요.',
    ],
    'not-a-task': [
      '그 줄에는 할 일이 없습니다',
      '메모가 바뀌었을 수 있습니다. 화면을 새로 고쳐 주세요.',
    ],
    'logged-out': ['로그인이 필요합니다', '로그인한 뒤 다시 저장해 주세요.'],
    'cross-site': [
      '다른 사이트에서 보낸 요청이라 거절했습니다',
      '메모 화면에서 직접 다시 시도해 주세요.',
    ],
    'too-large': ['보낸 내용이 너무 큽니다', `메모는 ${CHARACTERS}자까지 저장할 수 있습니다.`],
    'unsupported-type': ['지원하지 않는 형식입니다', 'JSON 또는 폼으로 보내 주세요.'],
    'not-json': ['JSON을 읽을 수 없습니다', '{"text":"…"} 형태의 JSON 객체를 보내 주세요.'],
    'text-missing': ['메모 내용이 없습니다', 'text에 글을 담아 보내 주세요.'],
    'text-blank': ['메모가 비어 있습니다', '한 글자 이상 적어 주세요.'],
    'text-too-long': [
      '메모가 너무 깁니다',
      `${CHARACTERS}자까지 저장할 수 있습니다. 나누어 저장해 주세요.`,
    ],
    'text-invalid': [
      '저장할 수 없는 문자가 있습니다',
      '깨진 문자나 NUL 문자를 지우고 다시 저장해 주세요.',
    ],
    'nothing-to-change': ['바꿀 내용이 없습니다', 'text 또는 pin을 보내 주세요.'],
    'bad-key': ['Idempotency-Key가 올바르지 않습니다', '1~100자의 ASCII 문자를 사용해 주세요.'],
    'key-reused': [
      '방금 저장한 메모와 내용이 다릅니다',
      '아직 저장되지 않았습니다. 다시 저장하면 새 메모가 됩니다.',
    ],
    repeated: [
      '방금 저장한 메모와 같은 글입니다',
      '두 번 저장하지 않았습니다. 한 번 더 저장하려면 아래에서 다시 저장해 주세요.',
    ],
    changed: [
      '그사이 다른 곳에서 메모가 수정되었습니다',
      '두 글을 비교해 보고, 합치거나 골라서 저장해 주세요.',
    ],
    'memo-deleted': [
      '그사이 메모가 삭제되었습니다',
      `쓰던 글을 다시 저장하면 새 메모가 됩니다. 지운 메모는 ${TRASH_DAYS}일 동안 되돌릴 수 있습니다.`,
    ],
    'other-person': [
      '지금은 다른 사람으로 로그인되어 있습니다',
      '아직 저장되지 않았습니다. 다시 저장하면 지금 로그인한 사람의 메모가 됩니다.',
    ],
    'too-many-pins': ['더 고정할 수 없습니다', `메모는 ${PINS}개까지 고정할 수 있습니다.`],
    'too-many': ['너무 자주 요청했습니다', '잠시 후 다시 시도해 주세요.'],
    busy: ['지금은 요청이 많습니다', '잠시 후 다시 시도해 주세요. 저장된 메모는 안전합니다.'],
    'storage-down': [
      '지금은 저장소에 연결할 수 없습니다',
      '잠시 후 다시 시도해 주세요. 저장된 메모는 안전합니다.',
    ],
    'storage-full': [
      '저장 공간이 가득 찼습니다',
      '지금은 새로 저장할 수 없지만, 저장된 메모는 그대로 볼 수 있습니다.',
    ],
    'person-full': [
      '이 계정의 저장 공간이 가득 찼습니다',
      '저장하지 못했습니다. 휴지통을 비우거나 긴 메모를 영구 삭제한 뒤 다시 저장해 주세요.',
    ],
    internal: ['문제가 생겼습니다', '잠시 후 다시 시도해 주세요.'],
    'login-refused': ['로그인을 취소했습니다', '메모를 쓰려면 다시 로그인해 주세요.'],
    'login-expired': [
      '로그인이 완료되지 않았습니다',
      '시간이 지났거나 다른 곳에서 시작한 로그인입니다. 다시 로그인해 주세요.',
    ],
    'naver-unavailable': [
      '네이버가 응답하지 않습니다',
      '네이버 쪽의 일시적인 문제입니다. 잠시 후 다시 로그인해 주세요.',
    ],
    'naver-misconfigured': [
      '로그인 설정에 문제가 있습니다',
      '이 서버의 네이버 로그인 설정이 올바르지 않습니다. 운영자에게 알려 주세요.',
    ],
  },
};

export type Messages = typeof ko;
