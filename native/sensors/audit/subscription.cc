#include "subscription.h"

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <unistd.h>

#include <cstring>

#include "state_file.h"

namespace process_ancestry::audit {
namespace {

// The kernel's MAX_AUDIT_MESSAGE_LENGTH (8970) plus one and the header, rounded up.
constexpr size_t kMessageBytes = 9216, kGroup = 64;
constexpr int kNoAnswer = -1;

// Record types that are read, without PROCTITLE, and the other message types of the socket.
std::vector<uint16_t> wanted_types() {
  return {kSyscall,   kExecve,    kCwd,          kPath,       kEndOfEvent,
          kUserStart, kUserLogin, AUDIT_REPLACE, NLMSG_ERROR, AUDIT_CONFIG_CHANGE};
}

}  // namespace

Subscription::Subscription(Options options, Assembler& assembler)
    : options_(std::move(options)),
      assembler_(assembler),
      receiver_(kGroup, kMessageBytes),
      owner_watch_(options_.owner_grace_ms) {
  // Few rules, because the kernel checks every system call against each one. setpgid has its own rules,
  // because any user can call it at full speed. A rule cannot separate a call that changes the group from one
  // that does not.
  const std::vector<Call> calls = {Call::kExecve, Call::kExecveat};
  const std::vector<Call> with_forks = {Call::kExecve, Call::kExecveat, Call::kSetsid, Call::kFork,
                                        Call::kVfork,  Call::kClone,    Call::kClone3};
  for (const uint32_t arch : {native_arch(), compat_arch()}) {
    const bool optional = arch != native_arch();
    const auto add = [&](const std::vector<Call>& some, bool only_successful, bool is_of_groups) {
      rules_.push_back(
          {Rule::for_calls(arch, some, only_successful, options_.rule_key), optional, is_of_groups});
    };
    add(options_.forks ? with_forks : calls, true, false);
    add({Call::kSetpgid}, true, true);
    // Not only successful calls: exit_group never returns, so it never has success (kernel/auditsc.c,
    // __audit_free).
    if (options_.forks) add({Call::kExitGroup}, false, false);
  }
}

bool Subscription::owner_lives(uint32_t pid) const {
  return pid != 0 && (::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM);
}

void Subscription::start(std::vector<Problem>& problems) {
  Situation situation;
  situation.own_pid = static_cast<uint32_t>(::getpid());
  situation.error = kernel_.open();
  if (situation.error == 0) situation.error = kernel_.status(situation.status);
  std::vector<Rule> existing;
  if (situation.error == 0) situation.error = kernel_.rules(existing);
  for (const Rule& rule : existing) {
    situation.rules.push_back(
        {rule.has_key(options_.rule_key), rule.silences_all_tasks(), rule.covers_exec()});
  }
  situation.owner_lives = owner_lives(situation.status.pid);
  situation.saved = read_state_file(options_.state_file);
  const Plan plan = decide(situation);
  if (plan.mode == Mode::kOff) {
    problems.insert(problems.end(), plan.problems.begin(), plan.problems.end());
    return;
  }

  status_ = situation.status;
  has_other_owner_ = has_other_owner(status_, situation.owner_lives, situation.own_pid);
  socket_error_ = 0;
  lost_seen_ = status_.lost;
  found_ = plan.found;
  set_by_us_ = plan.wanted;
  mode_ = plan.mode;
  const auto give_up = [&](const Problem& problem) {
    problems.push_back(problem);
    stop();
  };
  int error = open_socket(socket_);
  if (error == 0) error = keep_only_types(socket_.get(), wanted_types());
  if (error != 0) return give_up(problem_of(error));
  set_receive_buffer(socket_.get(), options_.socket_buffer_bytes);

  if (plan.replace_rules) {
    save_found();
    changed_anything_ = true;
  }
  // The reader is set before the rules: without a reader, records go to the console.
  if (mode_ == Mode::kUnicast) {
    error = become_owner();
    if (error == EEXIST) {
      mode_ = Mode::kMulticast;
      set_by_us_.backlog_wait_time = status_.backlog_wait_time;
      look_at_status();
    } else if (error != 0) {
      return give_up(problem_of(error));
    }
  }
  if (mode_ == Mode::kMulticast) {
    error = set_multicast(socket_.get(), true);
    if (error != 0) return give_up(problem_of(error));
  }
  if (!plan.replace_rules) return;
  for (size_t i = 0; i < existing.size(); ++i) {
    if (situation.rules[i].ours) kernel_.remove(existing[i]);
  }
  error = install_rules();
  if (error != 0) return give_up({"audit_rule_refused", std::strerror(error)});
  error = set(set_by_us_);
  if (error != 0) return give_up(problem_of(error));
  kernel_.status(status_);
  lost_seen_ = status_.lost;
}

int Subscription::look_at_status() {
  const int error = kernel_.status(status_);
  if (error == 0) {
    has_other_owner_ = has_other_owner(status_, owner_lives(status_.pid), static_cast<uint32_t>(::getpid()));
  }
  return error;
}

void Subscription::save_found() { unsaved_ = write_state_file(options_.state_file, found_); }

int Subscription::set(const Settings& wanted) { return kernel_.set(changes(settings_of(status_), wanted)); }

int Subscription::install_rules() {
  owns_rules_ = true;
  for (const OwnRule& own : rules_) {
    if (own.is_of_groups && !hears_groups()) continue;
    const int error = kernel_.add(own.rule);
    if (error != 0 && error != EEXIST && !own.optional) return error;
  }
  return 0;
}

std::vector<const Rule*> Subscription::wanted_rules() const {
  std::vector<const Rule*> wanted;
  for (const OwnRule& own : rules_) {
    if (!own.is_of_groups || hears_groups()) wanted.push_back(&own.rule);
  }
  return wanted;
}

void Subscription::begin() {
  if (mode_ != Mode::kOff) look_at_rules();
}

void Subscription::look_at_changes() {
  if (rules_changed_ && mode_ != Mode::kOff) look_at_rules();
}

void Subscription::look_at_rules() {
  rules_changed_ = false;
  std::vector<Rule> present;
  if (kernel_.rules(present) != 0) {
    is_look_due_ = true;
    return;
  }
  if (owns_rules_) {
    // If rules that hide execs were added while ours were removed, ours go in front of them, as if ours had
    // never been removed.
    const bool was_hidden = coverage_.hidden != Hiding::kNone;
    const bool in_front = !was_hidden && coverage_of(present).hidden != Hiding::kNone;
    bool restored = false;
    for (const Rule* rule : missing(wanted_rules(), present)) {
      const bool added = kernel_.add(in_front ? rule->for_the_front() : *rule) == 0;
      restored = restored || added;
    }
    if (restored) ++counters_.gaps;
    if (restored && kernel_.rules(present) != 0) return;
  }
  judge(coverage_of(present));
}

void Subscription::judge(const Coverage& coverage) {
  coverage_ = coverage;
  judged_ = true;
  assembler_.set_excluded(
      {coverage.without_end, coverage.without_path, coverage.without_cwd, coverage.without_execve});
  enabled_judged_ = status_.enabled;
  const bool works = status_.enabled != 0 && coverage.works();
  // In both cases events were missed: processes created meanwhile must be read from /proc.
  if (works != works_) ++counters_.gaps;
  works_ = works;
}

std::vector<Problem> Subscription::problems() const {
  std::vector<Problem> problems;
  if (mode_ == Mode::kOff) return problems;
  if (ended_ != 0) problems.push_back({"audit_unanswered", std::strerror(ended_)});
  if (is_immutable(status_)) {
    problems.push_back({"audit_immutable", "locked until reboot: reading by multicast"});
  } else if (mode_ == Mode::kMulticast && has_other_owner_) {
    problems.push_back({"audit_unicast_taken", std::to_string(status_.pid)});
  }
  if (unsaved_ != 0)
    problems.push_back({"audit_state_unsaved", options_.state_file + ": " + std::strerror(unsaved_)});
  if (!judged_) return problems;
  for (const Problem& problem : problems_of(coverage_)) problems.push_back(problem);
  if (status_.enabled == 0) problems.push_back({"audit_disabled", ""});
  if (!hears_groups()) {
    problems.push_back({"audit_setpgid_flood", "process " + std::to_string(flooder_.pid) + " of uid " +
                                                   std::to_string(flooder_.uid)});
  }
  return problems;
}

void Subscription::stop_hearing_groups() {
  flooder_ = assembler_.group_caller();
  for (const OwnRule& own : rules_) {
    if (own.is_of_groups && owns_rules_) kernel_.remove(own.rule);
  }
  ++counters_.gaps;
}

void Subscription::hear_groups_again() {
  flood_.listens_again(monotonic_now_);
  for (const OwnRule& own : rules_) {
    if (own.is_of_groups && owns_rules_) kernel_.add(own.rule);
  }
  ++counters_.gaps;
}

int Subscription::become_owner() {
  // A request would make the present owner step down if it is another instance of us.
  const auto own_pid = static_cast<uint32_t>(::getpid());
  if (kernel_.status(status_) == 0 && has_other_owner(status_, owner_lives(status_.pid), own_pid))
    return EEXIST;
  owner_answer_ = kNoAnswer;
  const std::string payload = owner_payload(own_pid);
  const int sent = send_request(socket_.get(), AUDIT_SET, ++owner_request_, payload);
  if (sent != 0) return sent;
  // The kernel queues its answer before sendto returns, perhaps behind records.
  drain(monotonic_now_, SIZE_MAX);
  return owner_answer_ == kNoAnswer ? ETIMEDOUT : owner_answer_;
}

bool Subscription::drain(double now_ms, size_t bytes_held_max) {
  monotonic_now_ = now_ms;
  bool overrun = false;
  const bool both_ways = handover_.underway();
  uint64_t group_changes = assembler_.counters().group_changes;
  for (;;) {
    const int received = receiver_.receive(socket_.get());
    if (received == -ENOBUFS) {
      overrun = true;
      ++counters_.enobufs;
      continue;
    }
    if (received < 0) {
      socket_error_ = -received;
      forget_socket(socket_, socket_error_);
    }
    if (received <= 0) break;
    for (int i = 0; i < received; ++i) {
      const std::string_view message = receiver_.message(i);
      nlmsghdr header;
      if (message.size() < sizeof header) {
        ++counters_.malformed;
        continue;
      }
      std::memcpy(&header, message.data(), sizeof header);
      const std::string_view payload = message.substr(sizeof header);
      if (header.nlmsg_type == NLMSG_ERROR) {
        int32_t error = 0;
        if (payload.size() >= sizeof error) std::memcpy(&error, payload.data(), sizeof error);
        if (header.nlmsg_seq == owner_request_) owner_answer_ = -error;
        continue;
      }
      if (header.nlmsg_type == AUDIT_REPLACE) {
        uint32_t asker = 0;
        if (payload.size() >= sizeof asker) std::memcpy(&asker, payload.data(), sizeof asker);
        if (UnicastOwnerWatch::gives_way(mode_, asker, static_cast<uint32_t>(::getpid())))
          ownership_asked_for_ = true;
        continue;
      }
      if (!handover_.reads(receiver_.by_multicast(i), payload)) continue;
      ++counters_.records;
      if (header.nlmsg_type == AUDIT_CONFIG_CHANGE) {
        rules_changed_ = true;
        // While audit is off, no changes are reported, not even that it is on again (kernel/audit.c,
        // audit_do_config_change). So the rules are checked at the next tick.
        if (payload.find("audit_enabled=0") != std::string_view::npos) is_look_due_ = true;
        continue;
      }
      assembler_.add(header.nlmsg_type, record_text(payload), now_ms);
    }
    const uint64_t calls = assembler_.counters().group_changes - group_changes;
    if (calls > 0 && owns_rules_ && flood_.add(calls, assembler_.group_caller().time_ms, now_ms))
      stop_hearing_groups();
    group_changes += calls;
    if (!receiver_.full(received) || assembler_.bytes_held() >= bytes_held_max) break;
  }
  if (both_ways && !handover_.underway()) set_multicast(socket_.get(), false);
  return !overrun;
}

uint32_t Subscription::check(double now_ms) {
  if (mode_ == Mode::kOff) return 0;
  monotonic_now_ = now_ms;
  if (!answers()) return 0;
  if (socket_error_ != 0) {
    stop();
    return 0;
  }
  if (unsaved_ != 0 && changed_anything_) save_found();
  const auto own_pid = static_cast<uint32_t>(::getpid());
  switch (owner_watch_.each_second(mode_, status_, owner_lives(status_.pid), own_pid, now_ms)) {
    case Step::kStay:
      break;
    case Step::kOwnerLeft:
      // The owner may have switched audit off when it left (osqueryd does). While it is off, removed rules
      // are not reported.
      settle(wanted_beside(settings_of(status_)));
      rules_changed_ = true;
      break;
    case Step::kOwnerCame:
      leave_settings_to_owner();
      break;
    case Step::kBecomeOwner:
      if (mode_ == Mode::kUnicast ? become_owner() != 0 : !take_over()) {
        owner_watch_.missed();
        fall_back();
      }
      break;
    case Step::kFallBack:
      fall_back();
      break;
  }
  const bool lost_any = status_.lost != lost_seen_ || counters_.enobufs != enobufs_seen_;
  enobufs_seen_ = counters_.enobufs;
  if (is_look_due_ || status_.enabled != enabled_judged_ || lost_any || coverage_.without_changes) {
    rules_changed_ = true;
  }
  is_look_due_ = false;
  if (flood_.is_over(now_ms)) hear_groups_again();
  look_at_changes();
  // The counter restarts after a reset (man 8 auditctl, --reset-lost).
  const uint32_t lost = status_.lost >= lost_seen_ ? status_.lost - lost_seen_ : status_.lost;
  lost_seen_ = status_.lost;
  counters_.kernel_lost += lost;
  return lost;
}

bool Subscription::answers() {
  const bool has_told = counters_.records != records_checked_;
  records_checked_ = counters_.records;
  const int error = look_at_status();
  // A busy host may answer too late. If records came meanwhile, audit has not ended.
  if (error == ETIMEDOUT && has_told) return false;
  if ((error != 0) != (ended_ != 0)) {
    ++counters_.gaps;
    rules_changed_ = true;
  }
  ended_ = error;
  return error == 0;
}

void Subscription::give_way() {
  if (!ownership_asked_for_) return;
  ownership_asked_for_ = false;
  // Multicast needs CAP_AUDIT_READ. Without it, unicast is kept.
  if (mode_ != Mode::kUnicast || set_multicast(socket_.get(), true) != 0) return;
  if (kernel_.release_unicast() != 0) {
    set_multicast(socket_.get(), false);
    return;
  }
  owner_watch_.given_up(monotonic_now_);
  read_beside();
}

void Subscription::read_beside() {
  mode_ = Mode::kMulticast;
  handover_.cancel();
  if (kernel_.status(status_) != 0) return;
  Settings wanted = settings_of(status_);
  // As if the owner had been there first: it decides whether processes wait for it.
  wanted.backlog_wait_time = to_go_back_to(wanted, set_by_us_, found_).backlog_wait_time;
  settle(wanted);
}

// The new owner needs the present settings, so they are not restored at the end.
void Subscription::leave_settings_to_owner() {
  if (!changed_anything_) return;
  found_ = set_by_us_ = settings_of(status_);
  save_found();
}

void Subscription::fall_back() {
  if (mode_ != Mode::kUnicast || set_multicast(socket_.get(), true) != 0) return;
  read_beside();
  leave_settings_to_owner();
}

// Multicast stays on until unicast has caught up: see Handover.
bool Subscription::take_over() {
  handover_.begin();
  if (become_owner() != 0) {
    handover_.cancel();
    set_multicast(socket_.get(), true);
    return false;
  }
  mode_ = Mode::kUnicast;
  Settings wanted = wanted_as_owner(settings_of(status_));
  wanted.enabled = status_.enabled;  // a change since the owner left was intended
  settle(wanted);
  return true;
}

void Subscription::settle(const Settings& wanted) {
  if (!changed_anything_) return;
  found_ = to_go_back_to(settings_of(status_), set_by_us_, found_);
  set(wanted);
  set_by_us_ = wanted;
  save_found();
  kernel_.status(status_);
}

void Subscription::stop() {
  if (changed_anything_) {
    changed_anything_ = false;
    Status now;
    const bool does_answer = kernel_.status(now) == 0;
    if (does_answer) kernel_.set(restoration(settings_of(now), set_by_us_, found_));
    if (owns_rules_) {
      for (const OwnRule& own : rules_) kernel_.remove(own.rule);
      owns_rules_ = false;
    }
    if (mode_ == Mode::kUnicast) kernel_.release_unicast();
    // If audit does not answer now, the next start restores the settings from the file.
    if (does_answer) remove_state_file(options_.state_file);
  }
  mode_ = Mode::kOff;
  socket_.reset();
  // A request from this run must not affect the next one.
  ownership_asked_for_ = false;
  owner_watch_.missed();
  handover_.cancel();
  ended_ = unsaved_ = 0;
}

}  // namespace process_ancestry::audit
