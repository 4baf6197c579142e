# The command of the faults suite: `perl beating.pl JOURNAL [plain|deaf|family]` writes down that it has started, that it lives (every 10 ms), and its end.
#
# Lines: `start|beat|alone|end|overlap CANDIDATE RUN PID TOKEN MICROSECONDS BORN`, times of CLOCK_MONOTONIC. Each is one write to the end of the file: the order
# of lines is the order of events, whatever the scheduler does between reading the clock and writing. BORN is when the kernel made the process, to 10 ms.
#
# `overlap` follows `start` when a process of another run still lives, whether it writes or not: each run holds a lock that the kernel frees when the last process
# that has it is gone. `alone` says when that came to pass.
#
# plain ends at SIGTERM; deaf ignores it; family is plain with a child in its process group that is deaf and beats too.
use strict;
use warnings;
use Fcntl qw(:flock O_WRONLY O_APPEND O_CREAT);
use POSIX ();
use Time::HiRes qw(clock_gettime sleep CLOCK_MONOTONIC);

my ($path, $variant) = (@ARGV, 'plain');
my $CLOCK_BOOTTIME = 7;

sysopen(my $lock, "$path.lock", O_WRONLY | O_CREAT) or die "$path.lock: $!";
sysopen(my $journal, $path, O_WRONLY | O_APPEND) or die "$path: $!";
my $alone = flock($lock, LOCK_EX | LOCK_NB);
my @who = map { $ENV{$_} // '-' } qw(BALLOT_CANDIDATE_ID BALLOT_RUN_ID BALLOT_FENCING_TOKEN);
my $born = born();
note('start');
note('overlap') unless $alone;

my $stopped = 0;
$SIG{TERM} = $variant eq 'deaf' ? 'IGNORE' : sub { $stopped = 1 };
if ($variant eq 'family') {
  my $child = fork() // die "fork: $!";
  $SIG{TERM} = 'IGNORE' if $child == 0;
}

for (my $beats = 1; !$stopped; $beats++) {
  sleep(0.01);
  # An orphan of a test that is over ends by itself.
  last if $beats % 100 == 0 && !-e $path;
  note('beat');
  next if $alone || !flock($lock, LOCK_EX | LOCK_NB);
  $alone = 1;
  note('alone');
}
note('end');

sub note {
  my ($event) = @_;
  syswrite($journal, sprintf("%s %s %s %d %s %.0f %.0f\n", $event, $who[0], $who[1], $$, $who[2], 1e6 * clock_gettime(CLOCK_MONOTONIC), $born));
}

# Field 22 of proc(5)'s stat counts clock ticks since boot, suspended time included.
sub born {
  open(my $file, '<', '/proc/self/stat') or die "stat: $!";
  my $stat = <$file>;
  $stat =~ s/.*\) //;
  my $ticks = (split ' ', $stat)[19];
  my $suspended = clock_gettime($CLOCK_BOOTTIME) - clock_gettime(CLOCK_MONOTONIC);
  return 1e6 * ($ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK()) - $suspended);
}
