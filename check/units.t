#!/usr/bin/perl
# The units for systemd are understood by it, and leave a server little to misuse.
use strict;
use warnings;
use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $limit = 1.5;    # of `systemd-analyze security`: 0 is a service that can do nothing, 10 one that may all
my @units = glob "$FindBin::Bin/../dist/systemd/*";
ok(scalar(grep(/\.service$/, @units)), 'there is a service');

my $folder = tempdir(CLEANUP => 1);
for my $unit (@units) {
    my ($name) = $unit =~ m{([^/]+)$};
    open my $in, '<', $unit or die "$unit: $!";
    my $text = do { local $/; <$in> };
    close $in;
    $text =~ s{/usr/sbin/postfachd}{/bin/true};    # it is not installed here
    $text =~ s{^Documentation=.*$}{}m;
    $text =~ s{^User=.*$}{}m;
    $text =~ s{^Group=.*$}{}m;
    open my $out, '>', "$folder/$name" or die "$folder/$name: $!";
    print $out $text;
    close $out;
}
for my $unit (@units) {
    my ($name) = $unit =~ m{([^/]+)$};
    my $said = `systemd-analyze verify '$folder/$name' 2>&1`;
    my @about = grep { /\Q$name\E/ } split /\n/, $said;    # other units of this machine are not ours to judge
    is("@about", '', "$name is understood");
    next unless $name =~ /\.service$/;
    $said = `systemd-analyze security --offline=true '$unit' 2>&1`;
    my ($score) = $said =~ /exposure level for \Q$name\E: ([0-9.]+)/;
    ok(defined $score && $score <= $limit, "$name has " . ($score // 'no score') . ", at most $limit") or diag $said;
}
# The users that units and settings name.
my $users = "$FindBin::Bin/../dist/sysusers.d/postfach.conf";
my $told = `systemd-sysusers --dry-run --root='$folder' '$users' 2>&1`;
is($?, 0, 'the users are understood') or diag $told;
like($told, qr/Creating user '$_'/, "$_ is made") for qw(postfach-gate postfach-auth vmail);
done_testing;
