//! Every dialogue file, played in every variation: how the server's octets are cut, how large the client's buffer is,
//! and how its octets leave.

mod common;

use common::dialogue::{Dialogue, names};
use common::driver::Leaving;
use common::play::{Cut, Segmentation, Variation, play, variations};

/// The seed of the random segmentations: `SDS_SMTP_SEED`, else a number that stands still.
fn seed() -> u64 {
    std::env::var("SDS_SMTP_SEED").map_or(20_180_615, |seed| seed.parse().expect("SDS_SMTP_SEED is a number"))
}

fn run(name: &str) {
    let dialogue = Dialogue::load(name);
    if dialogue.elsewhere {
        return;
    }
    let mut first: Option<Vec<u8>> = None;
    for variation in variations(&dialogue, seed()) {
        let played = play(&dialogue, variation).unwrap_or_else(|message| panic!("{message}"));
        let outcome = played.observer.outcome();
        assert_eq!(
            played.seen.verdict.outcome, outcome,
            "{} at {variation:?}: whoever reads along sees another outcome",
            dialogue.path
        );
        if dialogue.exact() {
            let first = first.get_or_insert_with(|| played.stream.clone());
            assert!(
                *first == played.stream,
                "{} at {variation:?}: the client says other octets than when all comes whole",
                dialogue.path
            );
        }
    }
}

macro_rules! dialogues {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        const LISTED: &[&str] = &[$(stringify!($name)),*];
    };
}

dialogues! {
    auth_535_is_final
    auth_535_text_is_kept
    auth_535_to_login_is_final
    auth_8_bit_password
    auth_empty_authorization_identity
    auth_login_and_xoauth2_only
    auth_login_with_a_password_of_1100_octets
    auth_login_without_initial_response
    auth_masking_does_not_hide_the_reason
    auth_ntlm_and_gssapi_only
    auth_offered_and_no_login_configured
    auth_old_form_alone
    auth_old_form_beside_the_new
    auth_old_form_gives_login
    auth_plain_501_then_alone
    auth_plain_501_twice
    auth_plain_response_not_wanted_504
    auth_plain_response_overlooked
    auth_plain_with_a_password_of_1100_octets
    auth_plain_with_a_password_of_370_octets
    auth_prompts_czech
    auth_prompts_empty
    auth_prompts_lower_case
    auth_prompts_not_base64
    auth_prompts_the_other_way_round
    auth_prompts_user_name_with_nul
    auth_repeated_password_at_the_end_of_what_is_kept_is_masked
    auth_repeated_password_in_a_later_answer_is_masked
    auth_repeated_password_in_a_line_without_a_code_is_masked
    auth_repeated_password_in_the_final_reply_is_masked
    auth_repeated_password_is_masked
    auth_repeated_password_unasked_is_masked
    auth_repeated_password_with_a_tab_is_masked
    auth_short_user_name_leaves_the_reason_readable
    cancel_after_the_final_reply_changes_nothing
    cancel_instead_of_auth_login
    cancel_instead_of_auth_password
    cancel_instead_of_auth_plain
    cancel_instead_of_auth_plain_alone
    cancel_instead_of_auth_plain_response
    cancel_instead_of_auth_user_name
    cancel_instead_of_data
    cancel_instead_of_ehlo
    cancel_instead_of_end
    cancel_instead_of_greeting
    cancel_instead_of_helo
    cancel_instead_of_mail
    cancel_instead_of_rcpt
    cancel_instead_of_text
    cancel_while_connecting
    code_01_deadline_instead_of_auth_login
    code_01_deadline_instead_of_auth_password
    code_01_deadline_instead_of_auth_plain
    code_01_deadline_instead_of_auth_plain_alone
    code_01_deadline_instead_of_auth_plain_response
    code_01_deadline_instead_of_auth_user_name
    code_01_deadline_instead_of_data
    code_01_deadline_instead_of_ehlo
    code_01_deadline_instead_of_end
    code_01_deadline_instead_of_greeting
    code_01_deadline_instead_of_helo
    code_01_deadline_instead_of_mail
    code_01_deadline_instead_of_rcpt
    code_01_deadline_instead_of_text
    code_01_deadlines_of_the_configuration
    code_01_final_answer_has_ten_minutes_from_the_dot
    code_01_final_dot_that_does_not_leave
    code_01_no_connection_in_time
    code_01_one_line_a_minute
    code_01_one_octet_a_minute
    code_01_slow_text_is_no_deadline
    code_01_slow_text_that_stops
    code_01_text_that_does_not_leave_at_all
    code_01_total_deadline
    code_01_total_deadline_behind_the_final_dot
    code_01_total_deadline_in_the_text
    code_01_total_deadline_while_connecting
    code_02_421_after_the_mail_was_accepted_changes_nothing
    code_02_421_instead_of_auth_login
    code_02_421_instead_of_auth_password
    code_02_421_instead_of_auth_plain
    code_02_421_instead_of_auth_plain_alone
    code_02_421_instead_of_auth_plain_response
    code_02_421_instead_of_auth_user_name
    code_02_421_instead_of_data
    code_02_421_instead_of_ehlo
    code_02_421_instead_of_end
    code_02_421_instead_of_greeting
    code_02_421_instead_of_helo
    code_02_421_instead_of_mail
    code_02_421_instead_of_rcpt
    code_02_421_instead_of_text
    code_02_421_to_a_pipelined_envelope
    code_02_421_to_helo_after_a_refused_ehlo
    code_02_421_to_rset
    code_02_501_instead_of_greeting
    code_02_auth_login_454
    code_02_greeting_150
    code_02_greeting_250
    code_02_greeting_354
    code_02_greeting_450
    code_02_greeting_500
    code_02_greeting_521
    code_02_greeting_554
    code_02_greeting_half_said
    code_02_greeting_without_its_last_line
    code_02_password_454
    code_02_plain_432
    code_02_plain_451
    code_02_plain_454
    code_02_plain_alone_454
    code_02_plain_response_454
    code_02_user_name_454
    code_03_501_instead_of_helo
    code_03_ehlo_501_and_helo_501
    code_03_ehlo_and_helo_refused
    code_03_ehlo_neither_accepted_nor_refused
    code_03_ehlo_refused_and_helo_lost_twice
    code_03_ehlo_refused_for_now
    code_03_ehlo_refused_with_a_login_to_do
    code_03_ehlo_reply_that_breaks_off
    code_04_mail_354
    code_04_mail_451
    code_04_mail_500
    code_04_mail_503
    code_04_mail_530
    code_04_mail_550
    code_04_mail_553
    code_04_mail_555
    code_04_relay_words_in_the_answer_to_mail
    code_05_greeting_instead_of_rcpt
    code_05_open_relay_in_a_blocklist_554
    code_05_rcpt_354
    code_05_rcpt_452
    code_05_rcpt_500
    code_05_rcpt_503
    code_05_rcpt_551
    code_05_rcpt_553
    code_05_rcpt_554
    code_05_unknown_in_relay_recipient_table_for_now
    code_06_rcpt_530
    code_06_relay_513
    code_06_relay_at_the_end
    code_06_relay_behind_many_words
    code_06_relay_capitals
    code_06_relay_exchange
    code_06_relay_exim
    code_06_relay_for_now
    code_06_relay_in_a_later_line
    code_06_relay_over_two_lines
    code_06_relay_postfix
    code_06_relay_qmail
    code_06_relay_sendmail
    code_07_data_250
    code_07_data_451
    code_07_data_500
    code_07_data_503
    code_07_data_530
    code_07_data_550
    code_07_data_552
    code_07_data_554
    code_07_lost_in_the_final_dot
    code_07_mail_552
    code_07_mail_larger_than_size
    code_07_text_cut_off
    code_08_end_354_again
    code_08_end_451
    code_08_end_452
    code_08_end_500
    code_08_end_530
    code_08_end_550
    code_08_end_552
    code_08_end_554
    code_08_final_reply_without_its_last_line
    code_08_final_reply_without_line_feed
    code_08_greeting_instead_of_end
    code_08_half_a_final_reply
    code_08_half_a_refusal
    code_09_auth_login_500
    code_09_auth_login_502
    code_09_auth_login_503
    code_09_auth_login_504
    code_09_auth_login_538
    code_09_auth_plain_500
    code_09_auth_plain_502
    code_09_auth_plain_503
    code_09_auth_plain_504
    code_09_auth_plain_504_then_login
    code_09_auth_plain_538
    code_09_ehlo_unknown_with_a_login_to_do
    code_09_login_to_a_server_without_auth
    code_09_login_to_a_server_without_our_mechanism
    code_10_user_name_235
    code_10_user_name_500
    code_10_user_name_504
    code_10_user_name_530
    code_10_user_name_535
    code_10_user_name_550
    code_11_password_250
    code_11_password_334
    code_11_password_500
    code_11_password_504
    code_11_password_530
    code_11_password_534
    code_11_password_535
    code_11_password_550
    code_11_plain_530
    code_11_plain_534
    code_11_plain_535
    code_11_plain_550
    code_11_plain_response_334_again
    code_11_plain_response_535
    code_12_invalid_recipient
    code_12_open_relay_in_a_blocklist
    code_12_rcpt_550
    code_12_relay_in_an_address
    code_12_relaying_denied_with_5_1_1
    code_12_unknown_in_relay_recipient_table
    code_12_zadny_takovy_uzivatel
    code_13_no_second_connection
    code_13_no_socket
    code_13_refused
    code_13_unreachable
    code_15_501_instead_of_auth_login
    code_15_501_instead_of_auth_password
    code_15_501_instead_of_auth_plain_alone
    code_15_501_instead_of_auth_plain_response
    code_15_501_instead_of_auth_user_name
    code_15_501_instead_of_data
    code_15_501_instead_of_end
    code_15_501_instead_of_mail
    code_15_501_instead_of_rcpt
    code_15_501_instead_of_text
    data_7_bit_with_8bitmime
    data_8_bit_subject
    data_8_bit_that_is_not_utf_8
    data_8_bit_with_8bitmime
    data_8_bit_without_8bitmime
    data_dots_at_line_starts
    data_early_451_in_the_text
    data_early_501_in_the_text
    data_early_552_in_the_text
    data_early_554_in_the_text
    data_empty
    data_empty_subject
    data_final_reply_after_minutes
    data_final_reply_of_several_lines
    data_final_reply_text_eight_bit
    data_final_reply_text_empty
    data_final_reply_text_odd
    data_final_reply_too_late
    data_line_ends_of_every_kind
    data_line_of_1000_octets
    data_line_of_998_octets
    data_line_of_998_octets_that_begins_with_a_dot
    data_lost_after_the_dot
    data_sender_name
    data_smuggled_dot_behind_cr
    data_smuggled_dot_behind_cr_cr_lf
    data_smuggled_dot_behind_lf
    data_smuggled_dot_behind_lf_crlf
    data_subject_that_is_not_utf_8
    data_with_a_final_line_end
    data_without_a_clock
    data_without_a_final_line_end
    ehlo_500_then_helo
    ehlo_501_then_helo
    ehlo_502_then_helo
    ehlo_504_then_helo
    ehlo_550_then_helo
    ehlo_554_then_helo
    ehlo_helo_announces_nothing
    ehlo_ipv4_mapped_address
    ehlo_ipv6_literal
    ehlo_ipv6_literal_in_helo
    ehlo_keyword_in_the_first_line_is_a_name
    ehlo_long_list
    ehlo_masked_auth_with_a_login_to_do
    ehlo_masked_keywords
    ehlo_mixed_case_empty_lines_unknown_parameters
    ehlo_name_in_helo_too
    ehlo_name_of_the_configuration
    ehlo_name_that_is_a_literal
    ehlo_refused_and_closed_before_helo_left
    ehlo_refused_and_closed_in_half_a_reply_then_helo
    ehlo_refused_and_closed_then_helo
    ehlo_refused_reply_announces_nothing
    ehlo_refused_with_421
    ehlo_refused_without_a_word
    end_quit_does_not_leave
    end_quit_has_its_time_behind_the_total_deadline
    end_quit_is_not_in_one_write_with_the_text
    end_rset_and_lost
    end_rset_is_never_answered
    end_rset_is_refused
    end_server_answers_quit_with_garbage
    end_server_closes_behind_the_final_reply
    end_server_closes_without_221
    end_server_never_answers_quit
    end_server_refuses_quit
    envelope_552_to_rcpt
    envelope_accepted_after_a_refusal
    envelope_first_recipient_refused
    envelope_first_recipient_refused_with_pipelining
    envelope_greylisting_450
    envelope_greylisting_451
    envelope_no_blank_behind_the_colon
    envelope_second_recipient_refused
    envelope_second_recipient_refused_with_pipelining
    envelope_size_does_not_count_doubled_dots
    envelope_size_is_said
    envelope_size_without_a_limit
    garbage_instead_of_auth_login
    garbage_instead_of_auth_password
    garbage_instead_of_auth_plain
    garbage_instead_of_auth_plain_alone
    garbage_instead_of_auth_plain_response
    garbage_instead_of_auth_user_name
    garbage_instead_of_data
    garbage_instead_of_ehlo
    garbage_instead_of_end
    garbage_instead_of_greeting
    garbage_instead_of_helo
    garbage_instead_of_mail
    garbage_instead_of_rcpt
    garbage_instead_of_text
    lost_instead_of_auth_login
    lost_instead_of_auth_password
    lost_instead_of_auth_plain
    lost_instead_of_auth_plain_alone
    lost_instead_of_auth_plain_response
    lost_instead_of_auth_user_name
    lost_instead_of_data
    lost_instead_of_ehlo
    lost_instead_of_end
    lost_instead_of_greeting
    lost_instead_of_helo
    lost_instead_of_mail
    lost_instead_of_rcpt
    lost_instead_of_text
    pipelining_354_although_the_recipient_was_refused
    pipelining_421_behind_a_refusal
    pipelining_cancelled_behind_a_refusal
    pipelining_commands_lost
    pipelining_data_refused
    pipelining_garbage_behind_a_refusal
    pipelining_lone_dot_accepted
    pipelining_lone_dot_although_the_sender_was_refused
    pipelining_lone_dot_and_lost
    pipelining_lone_dot_unanswered
    pipelining_lost_behind_a_refusal
    pipelining_never_across_auth
    pipelining_never_before_the_ehlo_reply
    pipelining_no_answer_behind_a_refusal
    pipelining_not_announced
    pipelining_recipient_refused
    pipelining_sender_refused
    pipelining_sender_refused_in_the_middle_of_a_line
    pipelining_switched_off
    probe_with_a_wrong_password
    probe_with_helo_only
    probe_with_login
    probe_without_login
    replies_250_begun_before_the_final_dot
    replies_251_and_252_and_200
    replies_251_to_rcpt
    replies_acceptance_behind_a_line_without_a_code_in_a_refusal
    replies_acceptance_with_a_line_without_a_code
    replies_auth_needs_235_exactly
    replies_bare_codes
    replies_control_and_8_bit_octets
    replies_cr_and_lf_in_different_segments
    replies_different_codes_all_positive
    replies_different_codes_at_the_end
    replies_different_codes_to_rcpt
    replies_different_codes_with_a_refusal_first
    replies_different_codes_with_a_refusal_last
    replies_empty_line_and_lost
    replies_empty_line_and_silence
    replies_empty_line_before_the_final_dot_has_left
    replies_empty_line_behind_the_greeting
    replies_empty_line_in_a_positive_reply
    replies_empty_lines_before_every_reply
    replies_endless_empty_lines
    replies_endless_line
    replies_endless_lines_at_the_end
    replies_endless_lines_to_ehlo
    replies_greeting_221_is_none
    replies_greeting_554_is_not_answered_with_ehlo
    replies_greeting_after_a_minute
    replies_greeting_and_421_in_one_segment
    replies_greeting_of_several_lines
    replies_lf_only
    replies_long_line
    replies_one_reply_too_many
    replies_refusal_behind_the_final_reply
    replies_refusal_for_now_with_a_line_without_a_code
    replies_refusal_of_the_mail_with_a_line_without_a_code
    replies_refusal_that_a_line_without_a_code_ends
    replies_refusal_that_begins_without_a_code
    replies_refusal_with_a_line_without_a_code
    replies_refusal_with_a_line_without_a_code_breaks_off
    replies_relay_words_in_a_line_without_a_code
    replies_second_235_late
    replies_surplus_behind_the_final_reply
    replies_two_in_one_segment
    replies_unasked_250_before_the_last_octet
    replies_unasked_250_behind_354
    replies_unasked_250_behind_the_greeting
    replies_unasked_250_in_the_text
    replies_unasked_reply_behind_235
    sent_to_several_recipients
    sent_to_several_recipients_with_pipelining
    sent_with_login_login
    sent_with_login_login_where_plain_is_missing
    sent_with_login_plain
    sent_with_pipelining
    sent_without_login
    small_7_bit_with_8bitmime
    small_8_bit_with_8bitmime
    small_8_bit_without_8bitmime
    small_control_character
    small_line_of_999_octets
    small_no_size
    transcript_of_june_2018
}

#[test]
fn every_file_in_the_folder_is_listed_and_nothing_else() {
    let mut listed = LISTED.to_vec();
    listed.sort_unstable();
    assert_eq!(names(), listed);
}

/// What may go together goes in one write: the envelope with PIPELINING, the text with its final dot; and QUIT does not.
#[test]
fn a_mail_takes_one_write_for_each_turn() {
    let at_once = Variation {
        segmentation: Segmentation::Whole,
        buffer: 8192,
        leaving: Leaving::AtOnce,
        cut: Cut::Nowhere,
    };
    for (name, writes) in [
        // EHLO; MAIL, RCPT, DATA; the text; QUIT.
        ("sent_with_pipelining", 4),
        // EHLO; MAIL; RCPT; DATA; the text; QUIT.
        ("sent_without_login", 6),
        // EHLO; AUTH; MAIL; RCPT; DATA; the text; QUIT.
        ("sent_with_login_plain", 7),
        // EHLO; AUTH LOGIN; user name; password; MAIL, RCPT, DATA; the text; QUIT.
        ("transcript_of_june_2018", 7),
        // EHLO; MAIL, RCPT, RCPT; DATA; the text; QUIT.
        ("sent_to_several_recipients_with_pipelining", 5),
    ] {
        let dialogue = Dialogue::load(name);
        if dialogue.elsewhere {
            continue;
        }
        let played = play(&dialogue, at_once).unwrap_or_else(|message| panic!("{message}"));
        assert_eq!(played.writes, writes, "{name}");
    }
}
