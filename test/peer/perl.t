#!/usr/bin/perl
# Perl's Net::POP3 against the live server: octets, numbers, deletion. The office is set up by
# office.py, in a child that talks in lines.
use strict;
use warnings;
use FindBin;
use IPC::Open2;
use Net::POP3;
use Test::More;

my $setup = <<'PYTHON';
import os, sys
sys.path.insert(0, sys.argv[1])
from corpus import corpus
from office import Office, wire
with Office() as office:
    office.add_user("anna", "secret")
    for name, mail in corpus().items():
        office.put("anna", mail)
        with open(os.path.join(office.folder, "wire-" + name), "wb") as file:
            file.write(wire(mail))
    office.start()
    print(office.pop3, office.pop3s, office.certificates.ca, office.folder, " ".join(corpus()), flush=True)
    sys.stdin.readline()
    print(len(office.files("anna")), flush=True)
    sys.stdin.readline()
PYTHON

my $pid = open2(my $from, my $to, 'python3', '-c', $setup, $FindBin::Bin);
my $line = <$from> // '';
my ($port, $tls, $ca, $folder, @names) = split ' ', $line;
ok($port, 'the server is there') or BAIL_OUT('no server');

my $pop = Net::POP3->new('127.0.0.1', Port => $port, Timeout => 60);
ok($pop, 'greeting');
is($pop->login('anna', 'wrong'), undef, 'a wrong password is refused');
is($pop->login('anna', 'secret') + 0, scalar @names, 'login tells the count');

my $list = $pop->list;
for my $number (1 .. @names) {
    my $name = $names[$number - 1];
    open my $file, '<:raw', "$folder/wire-$name" or die $!;
    my $want = do { local $/; <$file> };
    my $got = join '', @{ $pop->get($number) };
    $want =~ s/\r\n/\n/g;    # Net::Cmd gives lines with LF
    ok($got eq $want, "$name is exact");
    is($list->{$number}, -s "$folder/wire-$name", "$name: LIST is exact");
}
my $uidl = $pop->uidl;
is(scalar(keys %$uidl), scalar @names, 'UIDL lists all');
is($pop->uidl(1), $uidl->{1}, 'UIDL n agrees');
like(join('', @{ $pop->top(1, 0) }), qr/^From: .*\n\n\z/s, 'TOP 1 0 is the head and the blank line');
ok($pop->delete(1), 'DELE 1');
ok(!$pop->delete(1), 'not twice');
$pop->reset;
is(scalar keys %{ $pop->list }, scalar @names, 'RSET');
ok($pop->delete(2), 'DELE 2');
ok($pop->quit, 'QUIT');
print $to "\n";
my $left = <$from>;
is($left + 0, @names - 1, 'one message is gone');
print $to "\n";
close $to;
waitpid $pid, 0;
is($?, 0, 'the server ended well');
done_testing;
